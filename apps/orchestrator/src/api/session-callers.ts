import { createHash, timingSafeEqual } from 'node:crypto';
import type { Bus } from '@purser/bus';
import { keysCheck, PurserError } from '@purser/contracts';
import { keyHash, keyPrefix } from '@purser/service';

/** A session that asks with its own key. */
export interface SessionCaller {
  session: string;
  /** What it hands in are parts of this one. */
  task: string;
}

/** A key that was revoked is refused within a second, as at the gateway. */
const BELIEVED_MS = 900;
const CHECK_TIMEOUT_MS = 3_000;
const MAX_KNOWN = 10_000;

interface Known {
  caller: SessionCaller | undefined;
  until: number;
}

/** Tells the sessions by the keys that the gateway has of them. The secrets themselves stay here. */
export class SessionCallers {
  private readonly known = new Map<string, Known>();

  constructor(
    private readonly bus: Bus,
    private readonly now: () => number,
  ) {}

  /** Whether a secret has the form of such a key; another one need not be asked for. */
  static mayKnow(secret: string): boolean {
    return keyPrefix(secret) !== undefined;
  }

  /** @throws PurserError `unauthorized`; `unavailable` when no gateway can be asked */
  async identify(secret: string): Promise<SessionCaller> {
    const digest = createHash('sha256').update(secret).digest('base64');
    const known = this.known.get(digest);
    const { caller } = known && known.until > this.now() ? known : await this.ask(secret, digest);
    if (caller) return caller;
    throw new PurserError('unauthorized', {
      message: 'the key is neither the admin key nor that of a session that runs now',
    });
  }

  private async ask(secret: string, digest: string): Promise<Known> {
    const askedAt = this.now();
    const prefix = keyPrefix(secret) ?? '';
    const { key, proof, expiresInMs } = await this.bus.call(keysCheck, { prefix }, { timeoutMs: CHECK_TIMEOUT_MS });
    const right =
      proof !== null &&
      timingSafeEqual(Buffer.from(keyHash(proof.salt, secret), 'hex'), Buffer.from(proof.hash, 'hex'));
    const caller = right && key?.session && key.task ? { session: key.session, task: key.task } : undefined;
    const known = { caller, until: askedAt + Math.min(BELIEVED_MS, expiresInMs ?? Infinity) };
    if (this.known.size >= MAX_KNOWN) this.known.clear();
    this.known.set(digest, known);
    return known;
  }
}
