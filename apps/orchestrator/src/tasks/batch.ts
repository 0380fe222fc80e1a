import { check, unframe } from '@purser/bus';
import { isPurserError, MAX_BATCH, PurserError, TaskSpec } from '@purser/contracts';
import { storingOrder } from './batch-order.js';
import { type NewTask, newTask } from './submission.js';

/** One of the tasks that came together, by its place among them. */
export type Item = { index: number } & ({ task: NewTask } | { id: string | undefined; error: PurserError });
export type ReadItem = Extract<Item, { task: NewTask }>;

/** Between two looks at what else there is to do. */
const READ_AT_ONCE = 200;
const SHOWN_OF_A_CIRCLE = 10;

/** The tasks of a message that holds several, as an array or as JSON lines; undefined when it holds one, or nothing readable. */
export function severalIn(raw: string): unknown[] | undefined {
  const whole = parsed(raw);
  const value = isObject(whole) && whole.specversion !== undefined ? whole.data : whole;
  if (Array.isArray(value)) return value as unknown[];
  if (value !== undefined) return undefined;
  const lines = linesOf(raw);
  return lines.length > 1 && isObject(parsed(lines[0] ?? '')) ? lines : undefined;
}

export const linesOf = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');

/**
 * Reads tasks that came together, each by itself; a text is the JSON of one. Those that need each other in a circle are
 * refused. @returns the readable ones in the order in which they can be stored, and the others
 */
export async function readBatch(
  items: readonly unknown[],
  idFor?: (index: number) => string,
): Promise<{ fit: ReadItem[]; refused: Exclude<Item, ReadItem>[] }> {
  if (items.length === 0 || items.length > MAX_BATCH)
    throw new PurserError('invalid_request', {
      message: `tasks: ${items.length} at once; give 1 to ${MAX_BATCH}`,
      details: { issues: [{ field: 'tasks', problem: `must be 1 to ${MAX_BATCH}` }] },
    });
  const read: Item[] = [];
  for (const [index, item] of items.entries()) {
    read.push(readItem(item, index, idFor));
    if (index % READ_AT_ONCE === READ_AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve));
  }
  const readable = read.filter((item): item is ReadItem => 'task' in item);
  const { ordered, circles } = storingOrder(
    readable.map((item) => ({ id: item.task.id, needs: item.task.needs, item })),
  );
  const circular = [...circles].map(([{ item }, circle]) => ({
    index: item.index,
    id: item.task.id,
    error: circleError(circle),
  }));
  const refused = read.filter((item): item is Exclude<Item, ReadItem> => 'error' in item);
  return { fit: ordered.map(({ item }) => item), refused: [...refused, ...circular] };
}

function readItem(item: unknown, index: number, idFor?: (index: number) => string): Item {
  let id: string | undefined;
  try {
    const value = dataOf(item);
    if (isObject(value) && typeof value.id === 'string') id = value.id;
    const spec = check(TaskSpec, value, 'task');
    return { index, task: newTask(spec, spec.id ?? idFor?.(index)) };
  } catch (error) {
    if (isPurserError(error)) return { index, id, error };
    throw error;
  }
}

function dataOf(item: unknown): unknown {
  if (typeof item === 'string') return unframe(item, 'task').data;
  return isObject(item) && item.specversion !== undefined ? unframe(JSON.stringify(item), 'task').data : item;
}

function circleError(circle: readonly string[]): PurserError {
  const named =
    circle.length <= SHOWN_OF_A_CIRCLE
      ? circle
      : [...circle.slice(0, SHOWN_OF_A_CIRCLE - 2), `${circle.length - SHOWN_OF_A_CIRCLE} more`, ...circle.slice(-2)];
  const problem = `waits for itself: ${named.join(' -> ')}`;
  return new PurserError('invalid_request', {
    message: `dependsOn: ${problem}`,
    details: { issues: [{ field: 'dependsOn', problem }] },
  });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
