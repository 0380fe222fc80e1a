import { maxNano, minNano, type Nano, sumNano } from '@purser/money';
import { limitedIn, type MatchedWindow } from './matched-window.js';
import type { LeaseDesk } from './lease-desk.js';
import type { Refusals } from './refusals.js';
import type { SpentWindows } from './spent-windows.js';
import type { Hold, Wallet } from './wallet.js';

/** `most` is what the call would like to hold, `least` what it can do with. */
export interface HoldRequest {
  windows: readonly MatchedWindow[];
  most: Nano;
  least: Nano;
  /** The more important ones are served first. */
  priority: number;
  /** Who asks; its signal says when nobody waits any more. */
  caller: { readonly signal: AbortSignal };
}

export type Reservation =
  | { ok: true; hold: Hold }
  /** `exhausted`: will not fit. `held`: calls in flight have the money. `closed`: the budgets changed. `away`: no answer from the watchdog. */
  | { ok: false; why: 'exhausted' | 'held' | 'closed' | 'away'; budgetId: string | undefined };

interface Waiter extends HoldRequest {
  /** Windows of which it may not use what is reserved for more important calls. */
  limited: readonly string[];
  /** Only `least` is asked for: `most` was refused a moment ago. */
  reduced: boolean;
  overdue: boolean;
  asked: number;
  resolve(reservation: Reservation): void;
}

export interface QueueTools {
  wallet: Wallet;
  desk: LeaseDesk;
  refusals: Refusals;
  spending: SpentWindows;
  /** No answer came to a grant for these windows, which may have been made all the same. */
  lost(windows: readonly string[]): void;
  /** What was leased was released, as that of a lost gateway: nothing is granted before the leases were read again. */
  readLeases(): Promise<void>;
  /** Whether that may have happened: then nothing that is leased is used before. */
  inDoubt(): boolean;
  now(): number;
  waitMs: number;
  /** Aborted when the gateway stops. */
  signal: AbortSignal;
}

const BACKOFF_MS = { first: 10, last: 200 };
const MAX_WAITING = 1_000;
/** Also a call that may not wait is asked for: what it would like, and what it can do with. */
const ASKED_AT_LEAST = 2;
/** A slice is this part of a window's limit, at least what is waited for; the watchdog gives less as the window empties. */
const SLICE = 50n;
/** That a reserve is untouched is believed so long from the asking; see ADR 0014. */
export const RESERVE_BELIEVED_MS = 1_000;

/**
 * The calls that wait for money in the same windows, in order of their priority and then of their coming; one request to
 * the watchdog at a time.
 */
export class HoldQueue {
  private readonly waiting: Waiter[] = [];
  private asking: Waiter | undefined;
  private pumping = false;
  private lastWhy: 'held' | 'away' = 'held';
  private wakeUp: (() => void) | undefined;

  constructor(
    readonly windows: readonly string[],
    private readonly tools: QueueTools,
  ) {}

  get empty(): boolean {
    return this.waiting.length === 0;
  }

  /** Whether somebody waits whose turn comes before that of a call which comes now. */
  comesBefore(priority: number): boolean {
    const [head] = this.waiting;
    return head !== undefined && head.priority >= priority;
  }

  wait(request: HoldRequest): Promise<Reservation> {
    if (this.waiting.length >= MAX_WAITING && !this.sendAway(request.priority))
      return Promise.resolve({ ok: false, why: 'held', budgetId: undefined });
    const { signal } = request.caller;
    if (signal.aborted) return Promise.resolve({ ok: false, why: 'held', budgetId: undefined });
    return new Promise((resolve) => {
      const waiter: Waiter = {
        ...request,
        limited: limitedIn(request.windows),
        reduced: false,
        overdue: false,
        asked: 0,
        resolve: (reservation) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', leave);
          const at = this.waiting.indexOf(waiter);
          if (at >= 0) this.waiting.splice(at, 1);
          resolve(reservation);
        },
      };
      const leave = () => waiter.resolve({ ok: false, why: 'held', budgetId: undefined });
      const timer = setTimeout(() => {
        waiter.overdue = true;
        // Whoever is being asked for right now gets that answer first.
        if (this.asking !== waiter) waiter.resolve({ ok: false, why: this.lastWhy, budgetId: undefined });
      }, this.tools.waitMs);
      signal.addEventListener('abort', leave, { once: true });
      const place = this.waiting.findLastIndex(({ priority }) => priority >= request.priority) + 1;
      this.waiting.splice(place, 0, waiter);
      if (!this.pumping) void this.pump();
      else if (place === 0) this.wake();
    });
  }

  /** Makes room, if the last one is less important and not being asked for. */
  private sendAway(priority: number): boolean {
    const last = this.waiting.at(-1);
    if (!last || last.priority >= priority || this.asking === last) return false;
    last.resolve({ ok: false, why: 'held', budgetId: undefined });
    return true;
  }

  /** Money came free somewhere in these windows. */
  wake(): void {
    this.wakeUp?.();
  }

  private async pump(): Promise<void> {
    this.pumping = true;
    let backoff = BACKOFF_MS.first;
    for (let head = this.waiting[0]; head; head = this.waiting[0]) {
      if (this.take(head)) continue;
      const amount = head.reduced ? head.least : head.most;
      const spent = this.tools.refusals.exhausted(head.windows, amount);
      if (spent) {
        this.reduceOrRefuse(head, { ok: false, why: 'exhausted', budgetId: spent.budgetId });
        continue;
      }
      const outcome = this.tools.inDoubt() ? await this.readLeases() : await this.ask(head, amount);
      const late = head.overdue && head.asked >= ASKED_AT_LEAST;
      if (outcome === 'again' && !late) {
        backoff = BACKOFF_MS.first;
        continue;
      }
      if (outcome !== 'again') this.lastWhy = outcome;
      if (head.overdue) head.resolve({ ok: false, why: this.lastWhy, budgetId: undefined });
      else if (this.waiting[0] === head && !this.take(head)) {
        await this.pause(backoff);
        backoff = Math.min(BACKOFF_MS.last, backoff * 2);
        head.reduced = false;
      }
    }
    this.pumping = false;
  }

  /** Not for one that is gone: nobody would give that hold back. */
  private take(waiter: Waiter): boolean {
    if (!this.waiting.includes(waiter) || this.tools.inDoubt()) return false;
    const { wallet } = this.tools;
    const whole = wallet.tryHold(this.windows, waiter.most, waiter.limited);
    const free = whole || !waiter.reduced ? undefined : wallet.freeIn(this.windows);
    const part =
      free !== undefined && free >= waiter.least
        ? wallet.tryHold(this.windows, minNano(free, waiter.most), waiter.limited)
        : undefined;
    const hold = whole ?? part;
    if (hold) waiter.resolve({ ok: true, hold });
    return hold !== undefined;
  }

  private async readLeases(): Promise<'again' | 'away'> {
    await this.tools.readLeases();
    return this.tools.inDoubt() ? 'away' : 'again';
  }

  private reduceOrRefuse(waiter: Waiter, refusal: Extract<Reservation, { ok: false }>): void {
    if (!waiter.reduced && waiter.least < waiter.most) waiter.reduced = true;
    else waiter.resolve(refusal);
  }

  /** `again`: look once more at once; `held` and `away`: wait a little. */
  private async ask(head: Waiter, amount: Nano): Promise<'again' | 'held' | 'away'> {
    const { wallet, desk, refusals } = this.tools;
    const isShut = (windowId: string) => head.limited.includes(windowId) && !wallet.isOpen([windowId]);
    const total = sumNano(this.waiting.map((waiter) => (waiter.reduced ? waiter.least : waiter.most)));
    const wanted = head.windows
      .map((window) => ({ window, account: wallet.account(window.id) }))
      .filter(({ window, account }) => account.free < amount || isShut(window.id))
      .map(({ window, account }) => ({
        windowId: window.id,
        granted: account.granted,
        need: maxNano(0n, amount - account.free),
        want: maxNano(total - account.free, window.limit / SLICE),
        least: head.least,
      }));
    if (wanted.length === 0) return 'again';
    this.asking = head;
    head.asked += 1;
    const { era } = wallet;
    const believedUntil = this.tools.now() + RESERVE_BELIEVED_MS;
    try {
      const { totals, refusal } = await desk.ask(wanted, head.priority, this.tools.signal);
      for (const { windowId, granted, spent, reserveIntact = true } of totals) {
        wallet.applyGrant(windowId, granted, era);
        wallet.applyReserve(windowId, granted, reserveIntact ? believedUntil : 0, era);
        const window = head.windows.find(({ id }) => id === windowId);
        if (window && spent) this.tools.spending.tell(window, spent.settled, spent.consumed);
      }
      // One that is more important may have come meanwhile.
      if (!refusal || (this.waiting[0] === head && this.take(head))) return 'again';
      const window = head.windows.find(({ id }) => id === refusal.windowId);
      if (refusal.kind === 'closed') {
        for (const waiter of [...this.waiting])
          waiter.resolve({ ok: false, why: 'closed', budgetId: window?.budgetId });
        return 'again';
      }
      if (refusal.kind === 'released') {
        await this.tools.readLeases();
        return 'away';
      }
      if (refusal.kind === 'exhausted' && window) {
        refusals.remember(window, amount);
        this.reduceOrRefuse(head, { ok: false, why: 'exhausted', budgetId: window.budgetId });
        return 'again';
      }
      if (head.reduced || head.least >= head.most) return 'held';
      head.reduced = true;
      return 'again';
    } catch {
      this.tools.lost(wanted.map(({ windowId }) => windowId));
      const spent = refusals.spent(head.windows, amount);
      if (!spent) return 'away';
      this.reduceOrRefuse(head, { ok: false, why: 'exhausted', budgetId: spent.budgetId });
      return 'again';
    } finally {
      this.asking = undefined;
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.wakeUp = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.wakeUp = done;
    });
  }
}
