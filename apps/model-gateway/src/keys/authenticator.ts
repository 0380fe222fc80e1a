import { hash, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { PurserError, STANDARD_PRIORITY } from '@purser/contracts';
import { adminKeyFile, Clock, CONFIG, hideSecret, keyHash, readOrCreateSecret } from '@purser/service';
import type { Config } from '../config.js';
import { ADMIN, type Caller } from './caller.js';
import { KeyCache } from './key-cache.js';
import { KeyChanges } from './key-changes.js';
import { KeysRepository, type StoredKey } from './keys.repository.js';
import { presented } from './presented.js';

export type { Caller } from './caller.js';

/** A key that was revoked is refused within a second, also where the broadcast was lost: nothing is believed for longer. */
export const BELIEVED_MS = 900;
const REFRESH_AFTER_MS = 450;
/** A database that hangs is not waited for. */
const WAIT_MS = 5_000;
const READ_TRIES = 3;

const HOW = 'send "Authorization: Bearer <key>" with the admin key or a key made by `purser key create`';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Tells from the headers of a call who makes it: at once for a key that is in use, since whether keys changed is asked
 * ahead of time. When the database cannot be asked, only the admin key is good, for free tiers too: that a revoked key
 * stops within a second holds always.
 */
@Injectable()
export class Authenticator {
  private admin: Buffer | undefined;
  private readonly lately = new WeakMap<object, { secret: string; digest: string }>();
  private readonly reading = new Map<string, { readAt: number; caller: Promise<Caller> }>();

  constructor(
    private readonly repository: KeysRepository,
    private readonly cache: KeyCache,
    private readonly changes: KeyChanges,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async start(): Promise<void> {
    const secret = await readOrCreateSecret(adminKeyFile(this.config.PURSER_HOME), 'pk_');
    hideSecret(secret);
    this.admin = Buffer.from(digestOf(secret));
  }

  /** `connection`: what the headers came by, if others come by it too. */
  identify(headers: Headers, connection?: object | null): Caller | Promise<Caller> {
    const secret = secretIn(headers);
    if (secret === undefined) throw new PurserError('unauthorized', { message: `no key was sent; ${HOW}` });
    const digest = connection ? this.digestFrom(connection, secret) : digestOf(secret);
    if (this.admin && timingSafeEqual(Buffer.from(digest), this.admin)) return ADMIN;
    const caller = this.believed(digest);
    if (caller) return caller;
    if (this.cache.refuses(digest, this.clock.monotonic())) throw unknownKey();
    return this.find(digest, secret);
  }

  /** Whoever keeps a connection sends the same key again; to digest it each time costs more than all else here. */
  private digestFrom(connection: object, secret: string): string {
    const before = this.lately.get(connection);
    if (before?.secret === secret) return before.digest;
    const digest = digestOf(secret);
    this.lately.set(connection, { secret, digest });
    return digest;
  }

  private believed(digest: string): Caller | undefined {
    const cached = this.cache.get(digest);
    if (!cached || cached.expiresAt <= this.clock.monotonic()) return undefined;
    const age = this.changes.age(cached.readAt);
    if (age > BELIEVED_MS) return undefined;
    // When it fails, the next call after the deadline asks again and says why.
    if (age > REFRESH_AFTER_MS) this.changes.ask().catch(() => undefined);
    return cached.caller;
  }

  private async find(digest: string, secret: string): Promise<Caller> {
    const cached = this.cache.get(digest);
    if (cached && cached.expiresAt > this.clock.monotonic()) {
      await inTime(this.changes.ask());
      const caller = this.believed(digest);
      if (caller) return caller;
    }
    return inTime(this.readOnce(digest, secret));
  }

  private readOnce(digest: string, secret: string): Promise<Caller> {
    const now = this.clock.monotonic();
    const running = this.reading.get(digest);
    if (running && now - running.readAt <= BELIEVED_MS) return running.caller;
    const caller = this.read(digest, secret).finally(() => {
      if (this.reading.get(digest)?.caller === caller) this.reading.delete(digest);
    });
    this.reading.set(digest, { readAt: now, caller });
    return caller;
  }

  private async read(digest: string, secret: string): Promise<Caller> {
    const { prefix, material } = presented(secret);
    for (let attempt = 1; ; attempt++) {
      const readAt = this.clock.monotonic();
      const key = await this.repository.byPrefix(prefix);
      if (!key || !isOf(key, material) || key.revokedAt !== null) {
        this.cache.refuse(digest, readAt + BELIEVED_MS);
        throw unknownKey();
      }
      if (key.expiresInMs !== null && key.expiresInMs <= 0)
        throw new PurserError('unauthorized', { message: `the key expired at ${key.expiresAt}` });
      if (this.changes.changedSince(key.id, readAt)) {
        if (attempt < READ_TRIES) continue;
        return callerOf(key);
      }
      const caller = callerOf(key);
      this.cache.put(digest, { caller, readAt, expiresAt: readAt + (key.expiresInMs ?? Infinity) });
      return caller;
    }
  }
}

const digestOf = (secret: string): string => hash('sha256', secret, 'base64');

const isOf = ({ proof }: StoredKey, material: string): boolean =>
  timingSafeEqual(Buffer.from(proof.hash, 'hex'), Buffer.from(keyHash(proof.salt, material), 'hex'));

const unknownKey = (): PurserError =>
  new PurserError('unauthorized', { message: `the key is unknown or was revoked; ${HOW}` });

function callerOf({ id, project, task, session, ancestors, priority, paidOnly, ...key }: StoredKey): Caller {
  const { capabilities, models, requestsPerMinute, tokensPerMinute } = key;
  const rules = { capabilities, models, requestsPerMinute, tokensPerMinute };
  const free = Object.values(rules).every((rule) => rule === null);
  return Object.freeze({
    key: id,
    project,
    task,
    session,
    ...(ancestors.length === 0 ? {} : { ancestors }),
    ...(priority === STANDARD_PRIORITY ? {} : { priority }),
    ...(paidOnly ? { paidOnly } : {}),
    ...(free ? {} : { rules: Object.freeze(rules) }),
  });
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(new PurserError('unavailable', { message: 'the key cannot be checked: the database does not answer' })),
      WAIT_MS,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function secretIn(headers: Headers): string | undefined {
  const bearer = /^Bearer\s+(\S+)\s*$/i.exec(String(headers.authorization ?? ''))?.[1];
  const other = headers['x-api-key'];
  return bearer ?? (typeof other === 'string' && other.trim() !== '' ? other.trim() : undefined);
}
