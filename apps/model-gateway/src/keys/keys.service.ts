import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type GatewayKey, type keysCreate, PurserError, type RequestOf } from '@purser/contracts';
import { type KeyEnds, KeysRepository, type StoredKey } from './keys.repository.js';

/** The admin key's id in the ledger. */
export const ADMIN_KEY_ID = 'admin';

export const sha256Of = (secret: string): string => createHash('sha256').update(secret).digest('hex');

const withoutHash = ({ sha256: _, expiresInMs: _ms, ...key }: StoredKey): GatewayKey => key;

@Injectable()
export class KeysService {
  constructor(private readonly repository: KeysRepository) {}

  /** The same id and hash once more is the same key: whoever got no answer may ask again. */
  async create(request: RequestOf<typeof keysCreate>): Promise<{ key: GatewayKey; secret: string | null }> {
    const { id = `key-${randomBytes(8).toString('hex')}`, name, project, task, session, expiresAt, ttlMs } = request;
    if (id === ADMIN_KEY_ID) throw new PurserError('conflict', { message: `the id "${id}" is the admin key's` });
    const secret = request.sha256 === undefined ? `psk_${randomBytes(24).toString('base64url')}` : null;
    const sha256 = request.sha256 ?? sha256Of(secret ?? '');
    const stored = await this.repository.insert({ id, name, sha256, project, task, session, expiresAt, ttlMs });
    if (stored?.sha256 !== sha256)
      throw new PurserError('conflict', {
        message: stored ? `there is another key with the id "${id}"` : 'another key has this secret',
        details: { id },
      });
    return { key: withoutHash(stored), secret };
  }

  async renew(ids: readonly string[], ends: KeyEnds): Promise<{ renewed: string[] }> {
    return { renewed: ids.length === 0 ? [] : await this.repository.renew(ids, ends) };
  }

  async list(withSessions: boolean): Promise<{ keys: GatewayKey[] }> {
    return { keys: (await this.repository.list(withSessions)).map(withoutHash) };
  }

  async revoke(id: string): Promise<GatewayKey> {
    const key = await this.repository.revoke(id);
    if (!key) throw new PurserError('not_found', { message: `there is no key "${id}"`, details: { id } });
    return withoutHash(key);
  }
}
