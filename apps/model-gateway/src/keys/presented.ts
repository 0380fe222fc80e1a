import { hash } from 'node:crypto';
import { keyPrefix } from '@purser/service';

export interface Presented {
  /** Finds the key's row. */
  prefix: string;
  /** What the row's salted hash was taken of. */
  material: string;
}

const LEGACY_DIGITS = 16;

/** A key from before salted hashes: found by 64 bits of its unsalted hash, which tell nothing of 192 random ones. */
export const unsalted = (sha256: string): Presented => ({
  prefix: `sha256:${sha256.slice(0, LEGACY_DIGITS)}`,
  material: sha256,
});

/** Where to look for a secret that a caller sent. */
export function presented(secret: string): Presented {
  const prefix = keyPrefix(secret);
  return prefix === undefined ? unsalted(hash('sha256', secret, 'hex')) : { prefix, material: secret };
}
