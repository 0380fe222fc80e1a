import { Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { TaskBudgets } from '../budgets/task-budgets.service.js';
import { DependentsService } from './dependents.service.js';
import { ExecutorInputs } from './executor-inputs.js';
import { MOST_CHILDREN } from './family.js';
import { type Fit, judge, type Judged } from './judge.js';
import { type InsertedRow, NewTasksRepository } from './new-tasks.repository.js';
import { differences, type NewTask } from './submission.js';
import { TaskFacts } from './task-facts.js';
import type { TaskRow } from './task.row.js';

/** What became of a task that was handed in. */
export type Verdict =
  | (Fit & { kind: 'stored'; row: InsertedRow })
  /** It was there already, the same. */
  | { kind: 'known'; row: TaskRow }
  | { kind: 'refused'; error: PurserError };

/** Stores tasks, as many as are there at once, each judged by itself. */
@Injectable()
export class TaskStore {
  constructor(
    private readonly database: Database,
    private readonly tasks: NewTasksRepository,
    private readonly inputs: ExecutorInputs,
    private readonly dependents: DependentsService,
    private readonly budgets: TaskBudgets,
    private readonly facts: TaskFacts,
  ) {}

  /** Resolves after the commit, with a verdict for each. A task may need one that stands before it. */
  async store(tasks: readonly NewTask[]): Promise<Verdict[]> {
    // Without needs all is one statement, and that is a transaction by itself.
    const alone = tasks.every(({ needs }) => needs.length === 0);
    const verdicts = await (alone
      ? this.storeIn(this.database, tasks)
      : this.database.transaction((tx) => this.storeIn(tx, tasks)));
    await this.announce(verdicts);
    return verdicts;
  }

  /** As a part of a transaction; `announce` after its commit. */
  async storeIn(sql: Sql, tasks: readonly NewTask[]): Promise<Verdict[]> {
    const needed = [...new Set(tasks.flatMap(({ needs }) => needs))];
    const references = needed.length === 0 ? [] : await this.tasks.lock(sql, needed, MOST_CHILDREN);
    const judged = judge(tasks, references, ({ spec }) => this.inputs.check(spec.executor, spec.input));
    const fit = judged.filter((one): one is Fit => !('error' in one));
    const inserted = await this.insert(sql, fit);
    const stored = judged.map((one): Verdict | undefined => {
      const row = 'error' in one ? undefined : inserted.get(one.task.id);
      // Of several with one id it was the first.
      if ('error' in one || !row || !inserted.delete(one.task.id)) return undefined;
      return { kind: 'stored', ...one, row };
    });
    const left = judged.filter((_, index) => !stored[index]).map(({ task }) => task);
    const there = new Map((left.length === 0 ? [] : await this.tasks.stored(sql, left)).map((row) => [row.id, row]));
    return judged.map((one, index) => stored[index] ?? verdictOn(one, there.get(one.task.id)));
  }

  private async insert(sql: Sql, fit: readonly Fit[]): Promise<Map<string, InsertedRow>> {
    if (fit.length === 0) return new Map();
    const ids = new Set<string>();
    const firsts = fit.filter(({ task: { id } }) => !ids.has(id) && ids.add(id));
    const rows = await this.tasks.insert(
      sql,
      firsts.map(({ task, state }) => ({ task, state, created: task.inItsTrace(() => this.facts.created(task)) })),
    );
    return new Map(rows.map((row) => [row.id, row]));
  }

  async announce(verdicts: readonly Verdict[]): Promise<void> {
    const stored = verdicts.filter((one) => one.kind === 'stored');
    if (stored.length === 0) return;
    this.facts.send();
    const doomedBy = stored.flatMap((one) => one.doomedBy);
    if (doomedBy.length > 0) await this.dependents.settle([...new Set(doomedBy)]);
    this.budgets.stored(stored);
  }
}

/** On one that was not stored now. The same id again is the same task, unless it asks for something else. */
function verdictOn(judged: Judged, row: TaskRow | undefined): Verdict {
  if (!row) {
    if ('error' in judged) return { kind: 'refused', error: judged.error };
    throw new Error(`task ${judged.task.id} is neither stored nor there`);
  }
  const fields = differences(row, judged.task);
  if (fields.length === 0) return { kind: 'known', row };
  const error = new PurserError('conflict', {
    message: `there is already a task "${judged.task.id}", with another ${fields.join(', ')}; use another id`,
    details: { state: row.state, fields },
  });
  return { kind: 'refused', error };
}
