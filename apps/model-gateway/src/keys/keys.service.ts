import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  type GatewayKey,
  type keysCheck,
  type keysCreate,
  type KeyProof,
  PurserError,
  type ReplyOf,
  type RequestOf,
  STANDARD_PRIORITY,
} from '@purser/contracts';
import { newKeySecret } from '@purser/service';
import { ADMIN_KEY_ID } from './caller.js';
import { KeyChanges } from './key-changes.js';
import { type KeyChange, type KeyEnds, KeysRepository, type StoredKey } from './keys.repository.js';

const shown = ({ proof: _, expiresInMs: _ms, ...key }: StoredKey): GatewayKey => key;
const sameProof = (one: KeyProof, other: KeyProof): boolean =>
  one.prefix === other.prefix && one.salt === other.salt && one.hash === other.hash;
const nothing = (id: string): PurserError =>
  new PurserError('not_found', { message: `there is no key "${id}"`, details: { id } });

@Injectable()
export class KeysService {
  constructor(
    private readonly repository: KeysRepository,
    private readonly changes: KeyChanges,
  ) {}

  /** The same id and proof once more is the same key: whoever got no answer may ask again. */
  async create(request: RequestOf<typeof keysCreate>): Promise<{ key: GatewayKey; secret: string | null }> {
    const { id = `key-${randomBytes(8).toString('hex')}`, name, expiresAt, ttlMs } = request;
    if (id === ADMIN_KEY_ID) throw new PurserError('conflict', { message: `the id "${id}" is the admin key's` });
    const { secret, proof } = request.proof ? { secret: null, proof: request.proof } : newKeySecret();
    const stored = await this.repository.insert({
      id,
      name,
      proof,
      project: request.project ?? null,
      task: request.task ?? null,
      session: request.session ?? null,
      ancestors: request.ancestors ?? [],
      priority: request.priority ?? STANDARD_PRIORITY,
      paidOnly: request.paidOnly ?? false,
      capabilities: request.capabilities ?? null,
      models: request.models ?? null,
      requestsPerMinute: request.requestsPerMinute ?? null,
      tokensPerMinute: request.tokensPerMinute ?? null,
      expiresAt,
      ttlMs,
    });
    if (!stored || !sameProof(stored.proof, proof))
      throw new PurserError('conflict', {
        message: stored ? `there is another key with the id "${id}"` : 'another key has this secret',
        details: { id },
      });
    return { key: shown(stored), secret };
  }

  async get(id: string): Promise<GatewayKey> {
    const key = await this.repository.byId(id);
    if (!key) throw nothing(id);
    return shown(key);
  }

  /** Of a session alone: whoever knows its secret acts for it. */
  async check(prefix: string): Promise<ReplyOf<typeof keysCheck>> {
    const key = await this.repository.byPrefix(prefix);
    const ended = key?.revokedAt != null || (key?.expiresInMs ?? Infinity) <= 0;
    if (!key || key.session === null || ended) return { key: null, proof: null, expiresInMs: null };
    return { key: shown(key), proof: key.proof, expiresInMs: key.expiresInMs };
  }

  async update(id: string, change: KeyChange): Promise<GatewayKey> {
    const key = await this.repository.update(id, change);
    if (key) {
      this.changes.announce(id);
      return shown(key);
    }
    const { revokedAt } = await this.get(id);
    throw new PurserError('conflict', { message: `the key "${id}" was revoked`, details: { id, revokedAt } });
  }

  async renew(ids: readonly string[], ends: KeyEnds): Promise<{ renewed: string[] }> {
    return { renewed: ids.length === 0 ? [] : await this.repository.renew(ids, ends) };
  }

  async list(withSessions: boolean): Promise<{ keys: GatewayKey[] }> {
    return { keys: (await this.repository.list(withSessions)).map(shown) };
  }

  async revoke(id: string): Promise<GatewayKey> {
    const key = await this.repository.revoke(id);
    if (!key) throw nothing(id);
    this.changes.announce(id);
    return shown(key);
  }
}
