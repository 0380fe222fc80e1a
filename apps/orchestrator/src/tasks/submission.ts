import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash, randomUUID } from 'node:crypto';
import { Id, PurserError, type TaskSpec } from '@purser/contracts';
import { parseUsd } from '@purser/money';
import type { MoreOfTask, TaskRow } from './task.row.js';

/** Together with the result it must fit into one message of 8 MiB; larger things go by reference. */
export const MAX_INPUT_BYTES = 4 * 1024 * 1024;

/** A task as it is to be stored. */
export interface NewTask {
  id: string;
  spec: TaskSpec;
  input: string;
  inputBytes: number;
  budgetNano: bigint | null;
  /** Whether there is no budget that the watchdog has to know before it starts. */
  budgetReady: boolean;
  /** Milliseconds since 1970: Postgres does not read every year that ISO 8601 writes. */
  notBefore: number | null;
  deadline: number | null;
  more: MoreOfTask;
  /** Its parent, that one's parent and so on; known when it is about to be stored. */
  ancestors: readonly string[];
  /** Tasks that must be there before it. */
  needs: readonly string[];
  /** Runs something in the trace of who handed it in, since several are stored together. */
  inItsTrace: <T>(work: () => T) => T;
}

export function newTask(spec: TaskSpec, id: string = spec.id ?? randomUUID()): NewTask {
  const input = JSON.stringify(spec.input);
  const inputBytes = Buffer.byteLength(input);
  if (inputBytes > MAX_INPUT_BYTES) {
    throw new PurserError('payload_too_large', {
      message: `input: ${inputBytes} bytes are more than the ${MAX_INPUT_BYTES} a task may carry; pass a file or a URL instead`,
      details: { field: 'input', limitBytes: MAX_INPUT_BYTES },
    });
  }
  if (spec.parent === id) {
    throw new PurserError('invalid_request', {
      message: `parent: "${id}" cannot be a part of itself`,
      details: { issues: [{ field: 'parent', problem: 'names the task itself' }] },
    });
  }
  if (spec.dependsOn.includes(id)) {
    throw new PurserError('invalid_request', {
      message: `dependsOn: "${id}" cannot wait for itself`,
      details: { issues: [{ field: 'dependsOn', problem: 'names the task itself' }] },
    });
  }
  return {
    id,
    spec,
    input,
    inputBytes,
    budgetNano: spec.budgetUsd === undefined ? null : parseUsd(spec.budgetUsd),
    budgetReady: spec.budgetUsd === undefined,
    notBefore: spec.notBefore === undefined ? null : Date.parse(spec.notBefore),
    deadline: spec.deadline === undefined ? null : Date.parse(spec.deadline),
    more: moreOf(spec),
    ancestors: [],
    needs: spec.parent === undefined ? spec.dependsOn : [...spec.dependsOn, spec.parent],
    inItsTrace: AsyncLocalStorage.snapshot(),
  };
}

const moreOf = ({ retryBackoff, estimates, complexity, workspace, grader }: TaskSpec): MoreOfTask => ({
  ...(retryBackoff && { retryBackoff }),
  ...(estimates && { estimates }),
  ...(complexity !== 'standard' && { complexity }),
  ...(workspace && { workspace }),
  ...(grader && { grader }),
});

/** The fields in which a second submission of an id says something else than the first; defaults count as said. */
export function differences(stored: TaskRow, task: NewTask): string[] {
  const { spec } = task;
  const pairs: Record<string, [unknown, unknown]> = {
    executor: [stored.executor, spec.executor],
    input: [stored.input, spec.input],
    priority: [stored.priority, spec.priority],
    dependsOn: [stored.depends_on, spec.dependsOn],
    labels: [stored.labels, spec.labels],
    project: [stored.project, spec.project ?? null],
    limits: [stored.limits, spec.limits],
    budgetUsd: [stored.budget_nano?.toString() ?? null, task.budgetNano?.toString() ?? null],
    maxSessions: [stored.max_sessions, spec.maxSessions],
    retries: [stored.retries, spec.retries],
    notBefore: [stored.not_before?.getTime() ?? null, task.notBefore],
    deadline: [stored.deadline?.getTime() ?? null, task.deadline],
    onDependencyFailure: [stored.on_dependency_failure, spec.onDependencyFailure],
    parent: [stored.parent_id, spec.parent ?? null],
    paidOnly: [stored.paid_only, spec.paidOnly],
    retryBackoff: [stored.more.retryBackoff, task.more.retryBackoff],
    estimates: [stored.more.estimates, task.more.estimates],
    complexity: [stored.more.complexity, task.more.complexity],
    workspace: [stored.more.workspace, task.more.workspace],
    grader: [stored.more.grader, task.more.grader],
  };
  return Object.entries(pairs)
    .filter(([, [before, after]]) => canonical(before) !== canonical(after))
    .map(([field]) => field);
}

/** JSON with sorted keys: the order in which a client writes fields says nothing. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** One and the same for every delivery of a message, so that a redelivered submit without an id stays one task. */
export const idOfDelivery = (deliveryId: string): string =>
  createHash('sha256').update(deliveryId).digest('hex').slice(0, 24);

/** The id that a refused message named, if it can be a subject's token. */
export function namedId(raw: string): string | undefined {
  try {
    const value = JSON.parse(raw) as { id?: unknown; specversion?: unknown; data?: { id?: unknown } | null };
    const id = value?.specversion === undefined ? value?.id : value.data?.id;
    const parsed = Id.safeParse(id);
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
