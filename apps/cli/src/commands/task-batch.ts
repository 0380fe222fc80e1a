import { type BatchResult, MAX_BATCH, tasksBatch } from '@purser/contracts';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printable } from '../output/table.js';
import { count, grouped } from '../output/words.js';
import type { Invocation } from './command.js';

/** Within one message of the bus, with what is added on the way. */
const MAX_BYTES = 6 * 1024 * 1024;
const REFUSALS_SHOWN = 20;

/** Hands in any number of tasks, in as few requests as they fit into; exit code 1 when any was refused. */
export async function submitSeveral({ api, print }: Invocation, tasks: readonly unknown[]): Promise<ExitCode> {
  const results: BatchResult[] = [];
  for (const part of parts(tasks)) {
    const first = results.length;
    const reply = await api().call(tasksBatch, { tasks: part });
    results.push(...reply.results.map((one) => ({ ...one, index: first + one.index })));
  }
  const refused = results.filter(({ error }) => error !== null);
  const answer = { taken: results.length - refused.length, refused: refused.length, results };
  print(answer, () => text(results, refused));
  return refused.length === 0 ? EXIT.ok : EXIT.failed;
}

function* parts(tasks: readonly unknown[]): Generator<unknown[]> {
  let part: unknown[] = [];
  let bytes = 0;
  for (const task of tasks) {
    const size = Buffer.byteLength(JSON.stringify(task)) + 1;
    if (part.length > 0 && (part.length === MAX_BATCH || bytes + size > MAX_BYTES)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(task);
    bytes += size;
  }
  if (part.length > 0) yield part;
}

function text(results: BatchResult[], refused: BatchResult[]): string {
  const taken = results.length - refused.length;
  const before = results.filter(({ error, created }) => error === null && !created).length;
  const known = before === 0 ? '' : ` (${grouped(before)} of them before)`;
  const lines = refused
    .slice(0, REFUSALS_SHOWN)
    .map(({ index, id, error }) => `  ${index + 1}. ${id === null ? '' : `${id}: `}${error?.message ?? ''}`);
  const more = refused.length > REFUSALS_SHOWN ? [`  and ${grouped(refused.length - REFUSALS_SHOWN)} more`] : [];
  const head = `${count(taken, 'task')} taken${known}, ${grouped(refused.length)} refused${lines.length > 0 ? ':' : '.'}`;
  return `${[head, ...lines, ...more].map(printable).join('\n')}\n`;
}
