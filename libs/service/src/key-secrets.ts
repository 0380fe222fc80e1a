import { createHmac, randomBytes } from 'node:crypto';
import type { KeyProof } from '@purser/contracts';

const SECRET = /^(psk_[0-9a-f]{16})_[A-Za-z0-9_-]{32,64}$/;

/**
 * A hash for the eyes of a database. HMAC-SHA256 and no slow hash such as scrypt: a slow one makes a person's password
 * dear to guess, and there is nothing to guess in 192 random bits, while each call would wait for it. The salt keeps the
 * hash from being looked up by it, or compared with one from elsewhere.
 */
export const keyHash = (salt: string, secret: string): string =>
  createHmac('sha256', Buffer.from(salt, 'hex')).update(secret).digest('hex');

export const newSalt = (): string => randomBytes(16).toString('hex');

/** The part of a secret that may be shown, and that finds the key; undefined for what is no secret of this form. */
export const keyPrefix = (secret: string): string | undefined => SECRET.exec(secret)?.[1];

/** A new secret for the model endpoints, and all of it that need be kept. */
export function newKeySecret(): { secret: string; proof: KeyProof } {
  const prefix = `psk_${randomBytes(8).toString('hex')}`;
  const secret = `${prefix}_${randomBytes(24).toString('base64url')}`;
  const salt = newSalt();
  return { secret, proof: { prefix, salt, hash: keyHash(salt, secret) } };
}
