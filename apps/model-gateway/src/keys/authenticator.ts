import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { adminKeyFile, Clock, CONFIG, readOrCreateSecret } from '@purser/service';
import type { Config } from '../config.js';
import { KeysRepository, type StoredKey } from './keys.repository.js';
import { ADMIN_KEY_ID, sha256Of } from './keys.service.js';

/** On whose behalf a call is made. */
export interface Caller {
  key: string;
  project: string | null;
  task: string | null;
  session: string | null;
}

interface Cached {
  key: StoredKey | undefined;
  /** By the monotonic clock, as `expiresAt` is; Infinity for a key without an end. */
  readAt: number;
  expiresAt: number;
  refreshing: boolean;
}

/** A revoked key is refused within two seconds: an answer is never older than this, and is renewed before it gets there. */
const BELIEVED_MS = 1_500;
const REFRESH_AFTER_MS = 750;
const MAX_CACHED = 10_000;

const HOW = 'send "Authorization: Bearer <key>" with the admin key or a key made by POST /v1/keys';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Tells from the headers of a call who makes it. Asks the database at most once a second for a key that is in use. */
@Injectable()
export class Authenticator {
  private admin: Buffer | undefined;
  private readonly cache = new Map<string, Cached>();

  constructor(
    private readonly repository: KeysRepository,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async start(): Promise<void> {
    this.admin = Buffer.from(sha256Of(await readOrCreateSecret(adminKeyFile(this.config.PURSER_HOME), 'pk_')));
  }

  async identify(headers: Headers): Promise<Caller> {
    const secret = secretIn(headers);
    if (secret === undefined) throw new PurserError('unauthorized', { message: `no key was sent; ${HOW}` });
    const sha256 = sha256Of(secret);
    if (this.admin && timingSafeEqual(Buffer.from(sha256), this.admin))
      return { key: ADMIN_KEY_ID, project: null, task: null, session: null };
    const found = await this.lookUp(sha256);
    const { key } = found;
    if (!key || key.revokedAt !== null)
      throw new PurserError('unauthorized', { message: `the key is unknown or was revoked; ${HOW}` });
    if (this.isOver(found)) {
      // Perhaps it was renewed since.
      const again = await this.read(sha256);
      if (!again.key || again.key.revokedAt !== null || this.isOver(again))
        throw new PurserError('unauthorized', { message: `the key expired at ${key.expiresAt}` });
    }
    return { key: key.id, project: key.project, task: key.task, session: key.session };
  }

  private isOver({ expiresAt }: Cached): boolean {
    return expiresAt <= this.clock.monotonic();
  }

  private lookUp(sha256: string): Promise<Cached> | Cached {
    const cached = this.cache.get(sha256);
    const age = cached ? this.clock.monotonic() - cached.readAt : Infinity;
    if (!cached || age > BELIEVED_MS) return this.read(sha256);
    if (age > REFRESH_AFTER_MS && !cached.refreshing) {
      cached.refreshing = true;
      // When it fails, the next call after the deadline asks again and says why.
      this.read(sha256).catch(() => (cached.refreshing = false));
    }
    return cached;
  }

  private async read(sha256: string): Promise<Cached> {
    const readAt = this.clock.monotonic();
    const key = await this.repository.bySha256(sha256);
    this.cache.delete(sha256);
    const read = { key, readAt, expiresAt: readAt + (key?.expiresInMs ?? Infinity), refreshing: false };
    this.cache.set(sha256, read);
    const [oldest] = this.cache.keys();
    if (this.cache.size > MAX_CACHED && oldest !== undefined) this.cache.delete(oldest);
    return read;
  }
}

function secretIn(headers: Headers): string | undefined {
  const bearer = /^Bearer\s+(\S+)\s*$/i.exec(String(headers.authorization ?? ''))?.[1];
  const other = headers['x-api-key'];
  return bearer ?? (typeof other === 'string' && other.trim() !== '' ? other.trim() : undefined);
}
