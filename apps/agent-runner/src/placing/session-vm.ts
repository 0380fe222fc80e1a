import { setTimeout as pause } from 'node:timers/promises';
import type { Bus } from '@purser/bus';
import { type RequestInput, type Vm, vmsKeep, vmsLeave, vmsPlace } from '@purser/contracts';
import { failed, refusalOf, released } from './problems.js';

/** A VM of which nobody says so for this long is deleted; it is said more often. */
const KEEP_MS = 30_000;
const KEEP_EVERY_MS = 5_000;
const LOOK_MS = 1_000;
/** The platform may be asked first whether it would make one. */
const PLACE_MS = 45_000;
/** So long a session waits for what makes VMs, before it is given back. */
const PATIENCE_MS = 60_000;
/** Longer than the offload-manager lets a VM take to be there. */
const READY_MS = 20 * 60_000;
const AGAIN_MS = 3_000;
/** For a VM that is to be gone before the session is told as over. */
const GONE_MS = 10_000;
/** Of its life, at its end: for the program to wrap up, and for its files to come back. */
const LAST_PART = 0.1;
const LAST_MS = 5 * 60_000;

export type Wish = Omit<RequestInput<typeof vmsPlace>, 'forMs'>;

/** The VM of one session, which is there as long as somebody here says so. */
export class SessionVm {
  /** Aborted, with the reason, when it is no more, or will not be. */
  readonly lost: AbortSignal;
  /** The same when it will be gone soon: what runs on it is to wrap up. */
  readonly ending: AbortSignal;
  private readonly losing = new AbortController();
  private readonly expiring = new AbortController();
  private readonly keeping: NodeJS.Timeout;
  private readonly expiry: NodeJS.Timeout;
  private left: Promise<void> | undefined;

  /** Asks until there is one, or it is known that there will not be: rejects with `NotPlaced` then. */
  static async place(bus: Bus, wish: Wish, signal: AbortSignal, say: (line: string) => void): Promise<SessionVm> {
    const until = performance.now() + PATIENCE_MS;
    for (let told = false; ; told = true) {
      try {
        const vm = await bus.call(vmsPlace, { ...wish, forMs: KEEP_MS }, { timeoutMs: PLACE_MS, signal });
        return new SessionVm(bus, wish.session, vm);
      } catch (error) {
        // It may have been made all the same.
        if (signal.aborted) await forsake(bus, wish.session, 'its session was not begun');
        signal.throwIfAborted();
        const refusal = refusalOf(error);
        if (refusal) throw refusal;
        const { message } = error as Error;
        if (performance.now() > until) throw released(`it cannot be placed on a VM at present: ${message}`);
        if (!told) say(`${message}; it is tried again`);
        await pause(AGAIN_MS, undefined, { signal });
      }
    }
  }

  private constructor(
    private readonly bus: Bus,
    private readonly session: string,
    readonly vm: Vm,
  ) {
    this.lost = this.losing.signal;
    this.ending = this.expiring.signal;
    this.keeping = setInterval(() => void this.keep().catch(() => undefined), KEEP_EVERY_MS);
    const lifeMs = Date.parse(vm.expiresAt) - Date.parse(vm.requestedAt);
    const workMs = lifeMs - Math.min(LAST_MS, lifeMs * LAST_PART);
    this.expiry = setTimeout(() => this.expiring.abort(new Error('the time of its VM is nearly over')), workMs);
  }

  /** Until its agent was heard. Rejects with `NotPlaced` when it comes to nothing. */
  async ready(signal: AbortSignal): Promise<void> {
    const until = performance.now() + READY_MS;
    for (;;) {
      if (performance.now() > until) throw released('its VM is not ready, and nobody says why');
      const state = await this.keep().catch(() => undefined);
      if (state === 'ready') return;
      if (this.lost.aborted) {
        const { message } = this.lost.reason as Error;
        // What its platform refuses, such as an image that is not to be had, it refuses again.
        throw message.startsWith('refused by ') ? failed('no_vm', message) : released(`there is no VM: ${message}`);
      }
      await pause(LOOK_MS, undefined, { signal });
    }
  }

  /** It is deleted. Resolves when that was asked for, or nobody answers: then it goes for want of signs of life. */
  leave(reason: string): Promise<void> {
    clearInterval(this.keeping);
    clearTimeout(this.expiry);
    return (this.left ??= forsake(this.bus, this.session, reason));
  }

  /** Resolves when it is gone, or after so long: nothing on it can reach anything of Purser's by then. */
  async gone(): Promise<void> {
    const until = performance.now() + GONE_MS;
    while (performance.now() < until) {
      const { state } = await this.ask().catch(() => ({ state: undefined }));
      if (state === 'gone') return;
      await pause(LOOK_MS / 2);
    }
  }

  private ask() {
    return this.bus.call(vmsKeep, { session: this.session, vm: this.vm.id, forMs: KEEP_MS }, { timeoutMs: 4_000 });
  }

  private async keep(): Promise<string> {
    const { state, reason } = await this.ask();
    if (state === 'deleting' || state === 'gone') this.losing.abort(new Error(reason));
    else if (state === 'draining') this.expiring.abort(new Error(reason));
    return state;
  }
}

async function forsake(bus: Bus, session: string, reason: string): Promise<void> {
  await bus.call(vmsLeave, { session, reason }, { timeoutMs: 5_000 }).catch(() => undefined);
}
