import type { Figure, FigureName } from '@purser/contracts';

/** What is known of the sessions that began in a period and have ended, and of the tasks that ended in it. */
export interface Counted {
  sessions: number;
  lost: number;
  killed: number;
  usedSeconds: number;
  /** Used, and to be done again. */
  wastedSeconds: number;
  /** Sessions that went on from a checkpoint. */
  resumed: number;
  measuredSeconds: number;
  /** From the start of resumed sessions to their first new progress. */
  resumeSeconds: number;
  measuredTokens: number;
  resumeTokens: number;
  /** Sessions that had a checkpoint to go on from. */
  expected: number;
  /** Those that got it back as it was saved. */
  intact: number;
  completed: number;
  failed: number;
}

const TARGETS: Record<FigureName, { target: number; met: (value: number, target: number) => boolean }> = {
  resource_efficiency: { target: 0.85, met: (value, target) => value > target },
  resume_overhead: { target: 0.05, met: (value, target) => value < target },
  context_preservation: { target: 1, met: (value, target) => value >= target },
  graceful_shutdowns: { target: 1, met: (value, target) => value >= target },
  completion_rate: { target: 1, met: (value, target) => value >= target },
};

const share = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);
const figure = (name: FigureName, value: number | null, counted: string): Figure => {
  const { target, met } = TARGETS[name];
  return { name, value, target, met: value === null ? null : met(value, target), counted };
};
const seconds = (value: number): string => `${value.toFixed(1)} s`;

/** The definitions; docs/guides/figures.md says them in words. */
export function figuresOf(counted: Counted): Figure[] {
  const c = counted;
  const overTime = share(c.resumeSeconds, c.measuredSeconds);
  const overTokens = share(c.resumeTokens, c.measuredTokens);
  const ended = c.completed + c.failed;
  return [
    figure(
      'resource_efficiency',
      share(c.usedSeconds - c.wastedSeconds, c.usedSeconds),
      `${seconds(c.wastedSeconds)} of ${seconds(c.usedSeconds)} in ${c.sessions} sessions had to be done again`,
    ),
    figure(
      'resume_overhead',
      c.resumed === 0 || overTime === null ? null : Math.max(overTime, overTokens ?? 0),
      `${c.resumed} resumed sessions took ${seconds(c.resumeSeconds)} of ${seconds(c.measuredSeconds)}, and ${c.resumeTokens} of ${c.measuredTokens} tokens, to get on`,
    ),
    figure(
      'context_preservation',
      share(c.intact, c.expected),
      `${c.intact} of ${c.expected} sessions got their checkpoint back as it was saved`,
    ),
    figure(
      'graceful_shutdowns',
      share(c.sessions - c.lost - c.killed, c.sessions),
      `of ${c.sessions} sessions ${c.lost} were lost and ${c.killed} killed`,
    ),
    figure('completion_rate', share(c.completed, ended), `${c.completed} of ${ended} tasks were completed`),
  ];
}
