import type { Latch as LatchState } from '@purser/contracts';
import { Clock } from './clock.js';

/** Older than this and the latch counts as set: paid calls and new sessions fail closed. */
export const LATCH_MAX_AGE_MS = 10_000;

type Listener = (state: LatchState) => void;

/** What this instance knows of the emergency latch, from whatever source told it last. */
export class Latch {
  private state: LatchState | undefined;
  private confirmedAt = -Infinity;
  private readonly onSet: Listener[] = [];
  private readonly onCleared: Listener[] = [];

  constructor(private readonly clock: Clock) {}

  /** The newest state seen, however old. */
  get latest(): LatchState | undefined {
    return this.state;
  }

  /** Whether starting sessions and paid calls is forbidden now: it is set, or nobody confirmed lately that it is not. */
  get isSet(): boolean {
    return this.isStale || this.state?.active !== false;
  }

  get isStale(): boolean {
    return this.clock.monotonic() - this.confirmedAt > LATCH_MAX_AGE_MS;
  }

  whenSet(listener: Listener): void {
    this.onSet.push(listener);
  }

  whenCleared(listener: Listener): void {
    this.onCleared.push(listener);
  }

  /**
   * A state that came over the bus. `confirmed`: it was read from the truth just now (a heartbeat of the watchdog), not replayed.
   * Setting is always believed; that it is clear only when confirmed, or when it clears the very emergency we know.
   */
  observe(state: LatchState, confirmed: boolean): void {
    const known = this.state;
    const newer =
      known === undefined ||
      state.serial > known.serial ||
      (state.serial === known.serial && known.active && !state.active);
    if (newer) this.state = state;
    const same = this.state?.serial === state.serial && this.state.active === state.active;
    if (confirmed && same) this.confirmedAt = this.clock.monotonic();
    if (!newer) return;
    if (state.active) for (const listener of this.onSet) listener(state);
    else if (known?.active) for (const listener of this.onCleared) listener(state);
  }
}
