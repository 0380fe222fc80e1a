/** What a session spends on something that is no work: handing over, or getting into the work again. */
export interface Overhead {
  tokens?: number;
  seconds?: number;
}

/** What handing over and resuming took in one session; absent where it was not seen. */
export interface MeasuredOverhead {
  handoff: Overhead;
  resume: Overhead;
}

/** Below this many, one odd session would say everything. */
const ENOUGH = 3;
const UPPER = 0.9;
/** The next one may cost more than those before it. */
const SAFETY = 1.25;

/** The 90th percentile (of fewer than ten the largest) and a quarter: what the next one will hardly cost more than. */
export function upperFigure(samples: readonly number[]): number | undefined {
  if (samples.length < ENOUGH) return undefined;
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.ceil(UPPER * sorted.length) - 1]! * SAFETY;
}

function figureOf(samples: readonly Overhead[]): Overhead {
  const known = (key: keyof Overhead) => samples.map((one) => one[key]).filter((value) => value !== undefined);
  const tokens = upperFigure(known('tokens'));
  const seconds = upperFigure(known('seconds'));
  return { ...(tokens === undefined ? {} : { tokens }), ...(seconds === undefined ? {} : { seconds }) };
}

/** By what the task's own sessions took, and where those are too few by that of all sessions of its executor. */
export function overheadFigures(own: readonly MeasuredOverhead[], like: readonly MeasuredOverhead[]): MeasuredOverhead {
  const figure = (part: keyof MeasuredOverhead) => ({
    ...figureOf(like.map((one) => one[part])),
    ...figureOf(own.map((one) => one[part])),
  });
  return { handoff: figure('handoff'), resume: figure('resume') };
}
