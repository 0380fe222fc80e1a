import { setImmediate } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { isPurserError, type KeyProof, keysCreate, keysRenew, keysRevoke } from '@purser/contracts';
import { CONFIG, Log, newKeySecret } from '@purser/service';
import type { Config } from '../config.js';
import type { Session } from '../sessions/session.js';

/** A key outlives its lease by this much, so that a renewal that comes late does not cut off a call. */
const MARGIN_MS = 2_000;
const CALL_MS = 2_000;
/** How long a program's start waits for its key; most gateways answer in a few milliseconds. */
const START_WAIT_MS = 1_000;
const MAX_RETRY_MS = 5_000;

/** A duration, since the clocks of this machine and of the gateway's may differ. */
const ttlFor = (leaseMs: number): number => Math.max(1, Math.ceil(leaseMs + MARGIN_MS));

/** Gives each session a key of its own at the gateway, valid while its lease is. The secret itself never travels. */
@Injectable()
export class SessionKeys {
  /** Keys that the gateway knows. */
  private readonly made = new Set<string>();

  constructor(
    private readonly bus: Bus,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * The variables under which programs find the gateway, the control API and the session's key, which is good for both. When the gateway is away the session
   * starts all the same, for it may need no model, and the key is made as soon as the gateway is back.
   */
  async issue(session: Session): Promise<Record<string, string>> {
    const { secret, proof } = newKeySecret();
    if (!(await this.create(session, proof, START_WAIT_MS))) void this.keepTrying(session, proof);
    const gateway = this.config.PURSER_GATEWAY_URL.replace(/\/+$/, '');
    return {
      OPENAI_BASE_URL: `${gateway}/v1`,
      OPENAI_API_KEY: secret,
      ANTHROPIC_BASE_URL: gateway,
      ANTHROPIC_API_KEY: secret,
      PURSER_API_URL: this.config.PURSER_API_URL.replace(/\/+$/, ''),
      PURSER_API_KEY: secret,
    };
  }

  /** With each heartbeat: the keys of the sessions whose leases were extended. A revoked one stays revoked. */
  async renew(sessions: readonly Session[], leaseMs: number): Promise<void> {
    const ids = sessions.map((session) => session.id).filter((id) => this.made.has(id));
    if (ids.length === 0) return;
    try {
      const { renewed } = await this.bus.call(keysRenew, { ids, ttlMs: ttlFor(leaseMs) }, { timeoutMs: CALL_MS });
      for (const id of ids.filter((one) => !renewed.includes(one) && this.made.delete(one)))
        this.log.warn({ sessionId: id }, 'the gateway no longer knows the key of a session, or it was revoked');
    } catch (error) {
      this.log.debug({ error }, 'the keys of the sessions were not renewed; the next heartbeat tries again');
    }
  }

  /** The session may have ended while its key was made. */
  private async keep(session: Session): Promise<void> {
    this.made.add(session.id);
    if (!session.isWorking) await this.revoke(session);
  }

  /** At the end of a session. When it fails the key expires by itself. */
  async revoke(session: Session): Promise<void> {
    if (!this.made.delete(session.id)) return;
    await this.bus
      .call(keysRevoke, { id: session.id }, { timeoutMs: CALL_MS })
      .catch((error: unknown) =>
        this.log.debug({ error, sessionId: session.id }, 'the key of a session expires by itself'),
      );
  }

  /**
   * What gateways said of its calls until now was heard: a program that gave up because no budget covered one must not be
   * taken for one that failed.
   */
  async heardOf({ assignment }: Session): Promise<void> {
    if (!assignment.paidOnly || !this.bus.connected) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, CALL_MS)));
    await Promise.race([this.bus.connection.flush().then(() => setImmediate()), late]).catch(() => undefined);
    clearTimeout(timer);
  }

  private async keepTrying(session: Session, proof: KeyProof): Promise<void> {
    session.say('the model gateway cannot be reached; the key of this session is made when it is back');
    for (let waitMs = 200; ; waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)) {
      let timer: NodeJS.Timeout | undefined;
      const pause = new Promise((resolve) => (timer = setTimeout(resolve, waitMs)));
      await Promise.race([pause, session.stopped]);
      clearTimeout(timer);
      if (!session.isWorking || session.lost !== undefined) return;
      if (await this.create(session, proof, CALL_MS)) return;
    }
  }

  /** Whether it is settled: the key is there, or the gateway refused it for good. The same again is the same key. */
  private async create(session: Session, proof: KeyProof, timeoutMs: number): Promise<boolean> {
    const { taskId, sessionId, project, priority, paidOnly, ancestors } = session.assignment;
    const ttlMs = ttlFor(session.lease.remainingMs);
    const name = `session ${sessionId} of task ${taskId}`;
    const restricted = paidOnly ? { paidOnly } : {};
    const key = {
      id: sessionId,
      name,
      task: taskId,
      session: sessionId,
      ancestors,
      priority,
      ttlMs,
      proof,
      ...restricted,
    };
    try {
      await this.bus.call(keysCreate, { ...key, ...(project === null ? {} : { project }) }, { timeoutMs });
    } catch (error) {
      if (isPurserError(error) && error.retryable) return false;
      this.log.error({ error, sessionId }, 'a session goes on without a key: the gateway refused to make one');
      session.say(`no key for the model gateway: ${(error as Error).message}`);
      return true;
    }
    await this.keep(session);
    return true;
  }
}
