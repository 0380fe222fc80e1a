import { setTimeout as pause } from 'node:timers/promises';
import type { Bus } from '@purser/bus';
import { type ReplyOf, type RequestInput, type Vm, vmsKeep, vmsLeave, vmsPlace } from '@purser/contracts';
import { counted, failed, refusalOf, released } from './problems.js';

/** A VM of which nobody says so for this long is deleted; it is said more often. */
const KEEP_MS = 45_000;
const KEEP_EVERY_MS = 5_000;
const LOOK_MS = 1_000;
/** The platform may be asked first whether it would make one. Less than what is made is kept without another word. */
const PLACE_MS = 40_000;
/** So long a session waits for what makes VMs, before it is given back. */
const PATIENCE_MS = 60_000;
/** Longer than the offload-manager lets a VM take to be there. */
const READY_MS = 20 * 60_000;
/** Doubles. */
const AGAIN_MS = 2_000;
const LATEST_AGAIN_MS = 16_000;
/** For a VM that is to be gone before the session is told as over. */
const GONE_MS = 10_000;
const NOT_BEGUN = 'its session was not begun';
/** Of its life, at its end: for the program to wrap up, and for its files to come back. */
const LAST_PART = 0.1;
const LAST_MS = 5 * 60_000;

type Told = ReplyOf<typeof vmsKeep>;
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

  /** Resolves when its agent was heard. Asks again until there is one, or rejects with `NotPlaced`: then there will be none. */
  static async place(bus: Bus, wish: Wish, signal: AbortSignal, say: (line: string) => void): Promise<SessionVm> {
    const until = performance.now() + PATIENCE_MS;
    let told: string | undefined;
    try {
      for (let pauseMs = AGAIN_MS; ; pauseMs = Math.min(LATEST_AGAIN_MS, 2 * pauseMs)) {
        try {
          return await SessionVm.begin(bus, wish, signal, say);
        } catch (error) {
          signal.throwIfAborted();
          const refusal = refusalOf(error);
          if (refusal) throw refusal;
          const { message } = error as Error;
          if (performance.now() > until) throw released(`it cannot be placed on a VM at present: ${message}`);
          if (message !== told) say(`${message}; it is tried again`);
          told = message;
          await pause(pauseMs, undefined, { signal });
        }
      }
    } catch (error) {
      // It may have been made all the same.
      await forsake(bus, wish.session, NOT_BEGUN);
      throw error;
    }
  }

  private static async begin(bus: Bus, wish: Wish, signal: AbortSignal, say: (line: string) => void) {
    const asked = bus.call(vmsPlace, { ...wish, forMs: KEEP_MS }, { timeoutMs: PLACE_MS });
    // Nobody waits for what is made after that, and it goes as well.
    const tooLate = (): void => void asked.then(() => forsake(bus, wish.session, NOT_BEGUN)).catch(() => undefined);
    const vm = await Promise.race([asked, aborted(signal)]).catch((error: unknown) => {
      if (signal.aborted) tooLate();
      throw error;
    });
    const { id, machineType, provider, heldUsd } = vm;
    say(`VM ${id} is made: ${machineType} of ${provider}; ${heldUsd} USD are held for all of its life`);
    const placed = new SessionVm(bus, wish.session, vm);
    try {
      await placed.ready(signal);
      return placed;
    } catch (error) {
      placed.rest();
      throw error;
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

  /** Until its agent was heard. Rejects when it comes to nothing: with `NotPlaced` where another would do no better. */
  private async ready(signal: AbortSignal): Promise<void> {
    const until = performance.now() + READY_MS;
    for (;;) {
      if (performance.now() > until) throw counted('its VM is not ready, and nobody says why');
      const now = await this.keep().catch(() => undefined);
      if (now?.state === 'ready') return;
      if (now && this.lost.aborted) throw fruitless(now);
      await pause(LOOK_MS, undefined, { signal });
    }
  }

  /** It is deleted. Resolves when that was asked for, or nobody answers: then it goes for want of signs of life. */
  leave(reason: string): Promise<void> {
    this.rest();
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

  /** No more signs of life are given for it. */
  private rest(): void {
    clearInterval(this.keeping);
    clearTimeout(this.expiry);
  }

  private ask() {
    return this.bus.call(vmsKeep, { session: this.session, vm: this.vm.id, forMs: KEEP_MS }, { timeoutMs: 4_000 });
  }

  private async keep(): Promise<Told> {
    const told = await this.ask();
    const { state, reason } = told;
    if (state === 'deleting' || state === 'gone') this.losing.abort(new Error(reason));
    else if (state === 'draining') this.expiring.abort(new Error(reason));
    return told;
  }
}

/** What becomes of a session whose VM was given up before its agent was heard. */
function fruitless({ made, reason }: Told): Error {
  // What its platform refuses it refuses again, and an image that is not to be had keeps the next from being ready as well.
  if (reason.startsWith('refused by ') || (made && reason.startsWith('not ready within ')))
    return failed('no_vm', reason);
  if (reason.startsWith('emergency: ')) return released(reason);
  // Without one that cost money, such as where no zone has room, another may be asked for.
  return made ? counted(`its VM was lost before it was ready: ${reason}`) : new Error(`there is no VM: ${reason}`);
}

/** Never resolves. */
const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const told = (): void => reject(signal.reason as Error);
    if (signal.aborted) told();
    else signal.addEventListener('abort', told, { once: true });
  });

async function forsake(bus: Bus, session: string, reason: string): Promise<void> {
  await bus.call(vmsLeave, { session, reason }, { timeoutMs: 5_000 }).catch(() => undefined);
}
