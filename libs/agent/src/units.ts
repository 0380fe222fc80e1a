import type { PurserSession } from './session.ts';

export interface UnitsOptions<State> {
  /** What the work begins with, in the first session. */
  initial?: State;
  /** How much work may be done again after a crash, in milliseconds; 1,000 unless said. 0 saves after every unit. */
  saveEveryMs?: number;
}

export interface Unit<State> {
  index: number;
  /** What is saved with the place: change it, or return another one. */
  state: State;
}

interface Saved<State> {
  purser: { next: number };
  state: State;
}

const REPORT_MS = 250;

/**
 * Works off a list over as many sessions as it takes: begins where the last one ended, saves as it goes, and when the
 * session is to wrap up saves and ends the program, to go on in a fresh one. The list has to be the same each time; a
 * unit that was under way at a crash, and those since the last save, are done again.
 */
export async function workOff<Item, State>(
  session: PurserSession,
  items: readonly Item[],
  work: (item: Item, unit: Unit<State>) => Promise<State | void> | State | void,
  { initial, saveEveryMs = 1_000 }: UnitsOptions<State>,
): Promise<State> {
  const { wrap } = session;
  const saved = await session.state<Saved<State>>();
  if (saved !== undefined && typeof saved.purser?.next !== 'number')
    throw new Error('the checkpoint of this task was not saved by units(); they cannot go on from it');
  let state = saved === undefined ? (initial as State) : saved.state;
  let next = saved?.purser.next ?? 0;
  let savedAt = Date.now();
  let savedNext = next;
  let reportedAt = 0;
  const save = async (): Promise<void> => {
    if (savedNext === next) return;
    await session.checkpoint({ purser: { next }, state: state ?? null });
    [savedAt, savedNext] = [Date.now(), next];
  };
  while (next < items.length && !wrap.aborted) {
    state = (await work(items[next]!, { index: next, state })) ?? state;
    next += 1;
    if (Date.now() - savedAt >= saveEveryMs) await save();
    if (Date.now() - reportedAt < REPORT_MS && next < items.length) continue;
    reportedAt = Date.now();
    await session.progress({ done: next, total: items.length });
  }
  await save();
  if (next < items.length) session.continueLater();
  return state;
}
