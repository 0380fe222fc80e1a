import type { Bus } from '@purser/bus';
import {
  type Operation,
  PurserError,
  tasksCancel,
  tasksCreate,
  tasksBatch,
  tasksGet,
  tasksList,
} from '@purser/contracts';
import type { SessionCaller } from './session-callers.js';

type Asked = Record<string, unknown>;
type Confine = (asked: Asked, caller: SessionCaller, bus: Bus) => Asked | Promise<Asked>;

/** What a session may ask for, and how it is kept to the parts of its own task. */
const ALLOWED = new Map<Operation, Confine>([
  [
    tasksCreate,
    async (asked, { task }, bus) => {
      const [part] = await withinRepository([asPart(asked, task, 'parent')], task, bus);
      return part ?? asked;
    },
  ],
  [
    tasksBatch,
    async (asked, { task }, bus) => {
      const tasks = partsOf(asked.tasks, task);
      return { ...asked, tasks: Array.isArray(tasks) ? await withinRepository(tasks, task, bus) : tasks };
    },
  ],
  [tasksList, (asked, { task }) => asPart(asked, task, 'parent')],
  [tasksGet, ownPart],
  [tasksCancel, ownPart],
]);

/** @throws PurserError `forbidden` for what only a person may do or see */
export function confined(operation: Operation, asked: Asked, caller: SessionCaller, bus: Bus): Asked | Promise<Asked> {
  const confine = ALLOWED.get(operation);
  if (confine) return confine(asked, caller, bus);
  throw new PurserError('forbidden', {
    message: `the key of a session may hand in, list, read and cancel parts of its own task, and nothing else`,
  });
}

function asPart(asked: Asked, task: string, where: string): Asked {
  if (asked.parent === undefined || asked.parent === null || asked.parent === task) return { ...asked, parent: task };
  throw new PurserError('forbidden', {
    message: `${where}: a session hands in and sees parts of its own task "${task}" alone; leave it out`,
    details: { issues: [{ field: where, problem: `must be "${task}", or be left out` }] },
  });
}

/**
 * A runner clones and pushes with its own rights: a session may have that done for the repository that a person named for
 * its task, and for no other.
 */
async function withinRepository<Part>(parts: Part[], task: string, bus: Bus): Promise<Part[]> {
  const repositoryOf = (part: unknown) =>
    (part as { workspace?: { repository?: unknown } } | null)?.workspace?.repository;
  if (parts.every((part) => repositoryOf(part) === undefined)) return parts;
  const { workspace } = await bus.call(tasksGet, { id: task });
  for (const part of parts) {
    const repository = repositoryOf(part);
    if (repository === undefined || repository === workspace?.repository) continue;
    const right = workspace ? `"${workspace.repository}", as for its own` : 'none, since its own has none';
    throw new PurserError('forbidden', {
      message: `workspace.repository: a session may name ${right} for the parts of its task`,
      details: { issues: [{ field: 'workspace.repository', problem: `must be ${right}` }] },
    });
  }
  return parts;
}

/** What is no task is left as it is: it is refused by itself. An event would hide what it carries. */
function partsOf(tasks: unknown, task: string): unknown {
  if (!Array.isArray(tasks)) return tasks;
  return tasks.map((given: unknown, index) => {
    if (typeof given !== 'object' || given === null) return null;
    return asPart({ ...given, specversion: undefined }, task, `tasks.${index}.parent`);
  });
}

async function ownPart(asked: Asked, { task }: SessionCaller, bus: Bus): Promise<Asked> {
  const id = String(asked.id);
  const nothing = new PurserError('not_found', { message: `there is no task "${id}" among the parts of "${task}"` });
  const found = await bus.call(tasksGet, { id }).catch((error: unknown) => {
    throw (error as PurserError).code === 'not_found' ? nothing : error;
  });
  if (found.parent !== task) throw nothing;
  return asked;
}
