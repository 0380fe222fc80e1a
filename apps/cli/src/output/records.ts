import type { ModelUse, Prediction, RecordLine, TaskRecord } from '@purser/contracts';
import type { Terminal } from '../terminal.js';
import { fields, table } from './table.js';
import { count, grouped, moment, span, usd } from './words.js';

type Styled = Pick<Terminal, 'style'>;
const dim = (terminal: Styled) => (head: string) => terminal.style('dim', head);

/** `$0.25 (9 of 10 within $0.40), 1,200 tokens, 3m of work, 2 sessions; by 12 like tasks`; null when nothing is known. */
export function predictionText({ basis, tasks, usd: cost, tokens, seconds, sessions }: Prediction): string | null {
  if (basis === 'none') return null;
  const within = (p90: string, median: string) => (p90 === median ? '' : ` (9 of 10 within ${p90})`);
  const parts = [
    cost && `${usd(cost.median)}${within(usd(cost.p90), usd(cost.median))}`,
    tokens && `${grouped(Math.round(tokens.median))} tokens`,
    seconds && `${span(seconds.median * 1_000)} of work`,
    sessions && count(Math.round(sessions.median), 'session'),
  ].filter((part) => part !== null);
  return `${parts.join(', ')}; by ${basis === 'history' ? count(tasks, 'like task') : 'its own estimates'}`;
}

const gradeText = ({ grade }: Pick<TaskRecord, 'grade'>): string | null =>
  grade && `${grade.grade ?? 'none'} by ${grade.by}${grade.why === null ? '' : `: ${grade.why}`}`;

export function recordText(record: TaskRecord, terminal: Styled): string {
  const text = fields([
    ['task', record.taskId],
    ['outcome', record.outcome ?? 'not over yet'],
    ['spent', usd(record.usd)],
    [
      'used',
      `${grouped(record.inputTokens)} tokens in, ${grouped(record.outputTokens)} out, ${grouped(record.requests)} requests`,
    ],
    ['sessions', `${record.sessions}${record.runners.length === 0 ? '' : ` on ${record.runners.join(', ')}`}`],
    ['created', moment(record.createdAt)],
    ['started', record.firstStartMs === null ? null : `${span(record.firstStartMs)} later`],
    ['worked', `${span(record.workedMs)} of ${span(record.totalMs)}`],
    ['finished', moment(record.finishedAt)],
    ['grade', gradeText(record)],
    ['', record.final ? null : 'figures may still change'],
  ]);
  return record.models.length === 0 ? text : `${text}\n${usesTable(record.models, terminal)}`;
}

const usesTable = (uses: ModelUse[], terminal: Styled): string =>
  table(
    uses,
    [
      { head: 'PROVIDER', cell: ({ provider }) => provider },
      { head: 'MODEL', cell: ({ model }) => model },
      { head: 'REQUESTS', cell: ({ requests }) => grouped(requests), right: true },
      { head: 'IN', cell: ({ inputTokens }) => grouped(inputTokens), right: true },
      { head: 'OUT', cell: ({ outputTokens }) => grouped(outputTokens), right: true },
      { head: 'SPENT', cell: ({ usd: amount }) => usd(amount), right: true },
      { head: 'A CALL', cell: perCall, right: true },
    ],
    dim(terminal),
  );

const perCall = ({ latencyMs, requests }: Pick<ModelUse, 'latencyMs' | 'requests'>): string =>
  requests === 0 ? '-' : `${(latencyMs / requests / 1_000).toFixed(1)} s`;

export const linesTable =
  (lines: RecordLine[]) =>
  (terminal: Styled): string =>
    table(
      lines,
      [
        { head: 'TASK', cell: ({ taskId }) => taskId },
        { head: 'OUTCOME', cell: ({ outcome }) => outcome },
        { head: 'FINISHED', cell: ({ finishedAt }) => moment(finishedAt) ?? '' },
        { head: 'MODEL', cell: ({ model }) => model || '-' },
        { head: 'REQUESTS', cell: ({ requests }) => grouped(requests), right: true },
        { head: 'IN', cell: ({ inputTokens }) => grouped(inputTokens), right: true },
        { head: 'OUT', cell: ({ outputTokens }) => grouped(outputTokens), right: true },
        { head: 'SPENT', cell: ({ usd: amount }) => usd(amount), right: true },
        { head: 'SESSIONS', cell: ({ sessions }) => String(sessions), right: true },
        { head: 'WORKED', cell: ({ workedMs }) => span(workedMs), right: true },
        { head: 'GRADE', cell: ({ grade }) => (grade === null ? '-' : grade.toFixed(2)), right: true },
      ],
      dim(terminal),
    );

interface Compared {
  model: string;
  lines: RecordLine[];
}

/** Of tasks that called several models each model has its own part of the cost, and all have the task's grade. */
export const modelsTable =
  (lines: RecordLine[]) =>
  (terminal: Styled): string => {
    const byModel = new Map<string, RecordLine[]>();
    for (const line of lines) byModel.set(line.model, [...(byModel.get(line.model) ?? []), line]);
    const done = ({ lines: all }: Compared) => all.filter(({ outcome }) => outcome === 'completed');
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const perDone = (of: (line: RecordLine) => number, text: (value: number) => string) => (one: Compared) =>
      done(one).length === 0 ? '-' : text(mean(done(one).map(of)));
    return table(
      [...byModel].map(([model, all]): Compared => ({ model, lines: all })),
      [
        { head: 'MODEL', cell: ({ model }) => model || '-' },
        { head: 'TASKS', cell: ({ lines: all }) => String(all.length), right: true },
        { head: 'COMPLETED', cell: (one) => String(done(one).length), right: true },
        {
          head: 'A TASK',
          cell: perDone(
            ({ usd: amount }) => Number(amount),
            (value) => usd(value.toFixed(4)),
          ),
          right: true,
        },
        {
          head: 'TOKENS',
          cell: perDone(
            ({ inputTokens, outputTokens }) => inputTokens + outputTokens,
            (value) => grouped(Math.round(value)),
          ),
          right: true,
        },
        { head: 'WORKED', cell: perDone(({ workedMs }) => workedMs, span), right: true },
        {
          head: 'A CALL',
          cell: ({ lines: all }) =>
            perCall({
              latencyMs: all.reduce((sum, { latencyMs }) => sum + latencyMs, 0),
              requests: all.reduce((sum, { requests }) => sum + requests, 0),
            }),
          right: true,
        },
        {
          head: 'GRADE',
          cell: ({ lines: all }) => {
            const grades = all.flatMap(({ grade }) => (grade === null ? [] : [grade]));
            return grades.length === 0 ? '-' : mean(grades).toFixed(2);
          },
          right: true,
        },
      ],
      dim(terminal),
    );
  };
