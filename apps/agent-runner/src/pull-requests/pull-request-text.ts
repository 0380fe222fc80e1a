export interface PullRequestFacts {
  taskId: string;
  result: unknown;
  /** The last handoff document, if there is one. */
  handoff: string | undefined;
}

const TITLE_LIMIT = 120;
/** GitHub takes 65,536 characters. */
const HANDOFF_LIMIT = 40_000;
const RESULT_LIMIT = 8_000;

const clip = (text: string, limit: number) => (text.length > limit ? `${text.slice(0, limit - 1)}…` : text);

function field(result: unknown, name: string): string | undefined {
  if (typeof result !== 'object' || result === null) return undefined;
  const value = (result as Record<string, unknown>)[name];
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

/** A result that has a `title` or a `summary` speaks for itself; otherwise the task's name has to do. */
export function pullRequestTitle({ taskId, result }: PullRequestFacts): string {
  const said = field(result, 'title') ?? field(result, 'summary');
  return clip((said ?? `Work of task ${taskId}`).split('\n', 1)[0]!, TITLE_LIMIT);
}

export function pullRequestBody({ taskId, result, handoff }: PullRequestFacts): string {
  const summary = field(result, 'summary');
  const shown = JSON.stringify(result ?? null, null, 2);
  const longest = Math.max(2, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return [
    ...(summary === undefined ? [] : [summary, '']),
    `Opened by Purser for task \`${taskId}\`.`,
    '',
    '## Result',
    '',
    `${fence}json`,
    clip(shown, RESULT_LIMIT),
    fence,
    ...(handoff === undefined ? [] : ['', '## Last handoff', '', clip(handoff, HANDOFF_LIMIT)]),
    '',
  ].join('\n');
}
