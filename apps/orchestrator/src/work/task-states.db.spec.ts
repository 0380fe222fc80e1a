import { randomUUID } from 'node:crypto';
import { type FinishOutcome, type TaskState, TaskSpec } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import fc from 'fast-check';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';

jest.setTimeout(120_000);

/** What the spec believes of a task; written apart from the rules of the product. */
interface Model {
  id: string;
  dependsOn: number[];
  retries: number;
  state: TaskState;
  epoch: number;
  failures: number;
  lost: number;
  cancelAsked: boolean;
  pauseAsked: boolean;
}

type Step =
  | { do: 'create'; dependsOn: number[]; retries: number }
  | { do: 'claim'; slots: number }
  | {
      do: 'finish';
      task: number;
      how: 'completed' | 'failed' | 'continue' | 'released';
      stale: boolean;
      twice: boolean;
    }
  | { do: 'beat'; task: number; stale: boolean }
  | { do: 'vanish'; task: number }
  | { do: 'cancel'; task: number }
  | { do: 'pause'; task: number }
  | { do: 'resume'; task: number };

const task = fc.nat(5);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('create' as const), dependsOn: fc.array(task, { maxLength: 2 }), retries: fc.nat(1) }),
  { arbitrary: fc.record({ do: fc.constant('claim' as const), slots: fc.integer({ min: 1, max: 3 }) }), weight: 3 },
  {
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      task,
      how: fc.constantFrom('completed' as const, 'failed' as const, 'continue' as const, 'released' as const),
      stale: fc.boolean(),
      twice: fc.boolean(),
    }),
    weight: 3,
  },
  fc.record({ do: fc.constant('beat' as const), task, stale: fc.boolean() }),
  { arbitrary: fc.record({ do: fc.constant('vanish' as const), task }), weight: 2 },
  fc.record({ do: fc.constant('cancel' as const), task }),
  fc.record({ do: fc.constant('pause' as const), task }),
  fc.record({ do: fc.constant('resume' as const), task }),
);

const OVER: readonly TaskState[] = ['completed', 'failed', 'cancelled'];

class Run {
  readonly model: Model[] = [];
  private readonly executor = `e${randomUUID()}`;
  private digests = 0;

  constructor(private readonly on: OnPostgres) {}

  async take(step: Step): Promise<void> {
    const one = 'task' in step ? this.model[step.task % Math.max(1, this.model.length)] : undefined;
    if (step.do === 'create') await this.create(step);
    else if (step.do === 'claim') await this.claim(step.slots);
    else if (!one) return;
    else if (step.do === 'finish') await this.finish(one, step);
    else if (step.do === 'beat') await this.beat(one, step.stale);
    else if (step.do === 'vanish') await this.vanish(one);
    else if (step.do === 'cancel') await this.cancel(one);
    else if (step.do === 'pause') await this.pause(one);
    else await this.resume(one);
    this.settle();
    await this.compare();
  }

  private async create({ dependsOn, retries }: Extract<Step, { do: 'create' }>): Promise<void> {
    const needed = this.model.length === 0 ? [] : [...new Set(dependsOn.map((index) => index % this.model.length))];
    const spec = {
      executor: this.executor,
      input: {},
      retries,
      dependsOn: needed.map((index) => this.model[index]?.id ?? ''),
    };
    const id = await this.on.intake.create(TaskSpec.parse(spec));
    this.model.push({
      id,
      dependsOn: needed,
      retries,
      state: 'blocked',
      epoch: 0,
      failures: 0,
      lost: 0,
      cancelAsked: false,
      pauseAsked: false,
    });
  }

  private async claim(slots: number): Promise<void> {
    // Backoff is another spec's matter.
    await this.on.database.query(
      `UPDATE tasks SET available_at = '-infinity', lane = '' WHERE executor = $1 AND state = 'ready'`,
      [this.executor],
    );
    const asked = { requestId: randomUUID(), runner: 'r1', slots, executors: [this.executor] };
    const { assignments } = await this.on.claims.claim(asked);
    const expected = this.model.filter(({ state }) => state === 'ready').slice(0, slots);
    expect(assignments.map(({ taskId, epoch }) => ({ taskId, epoch }))).toEqual(
      expected.map(({ id, epoch }) => ({ taskId: id, epoch: epoch + 1 })),
    );
    for (const one of expected) Object.assign(one, { state: 'running', epoch: one.epoch + 1 });
  }

  private async finish(one: Model, { how, stale, twice }: Extract<Step, { do: 'finish' }>): Promise<void> {
    const outcome: FinishOutcome =
      how === 'completed'
        ? { kind: how, result: one.epoch }
        : how === 'failed'
          ? { kind: how, error: { code: 'x', message: 'y' } }
          : { kind: how, reason: 'z' };
    const request = {
      requestId: randomUUID(),
      runner: 'r1',
      taskId: one.id,
      epoch: stale ? one.epoch - 1 : one.epoch,
      outcome,
      checkpoint: { number: 1, digest: `d${this.digests++}` },
    };
    if (stale || one.state !== 'running') {
      await expect(this.on.work.finish(request)).rejects.toMatchObject({ code: 'stale_epoch' });
      return;
    }
    const { cancelAsked, pauseAsked } = one;
    Object.assign(one, {
      lost: 0,
      cancelAsked: false,
      pauseAsked: false,
      failures: one.failures + (how === 'failed' ? 1 : 0),
    });
    if (cancelAsked) one.state = 'cancelled';
    else if (how === 'completed') one.state = 'completed';
    else if (how === 'failed' && one.failures > one.retries) one.state = 'failed';
    else one.state = pauseAsked ? 'paused' : 'ready';
    const answers = await Promise.all(Array.from({ length: twice ? 2 : 1 }, () => this.on.work.finish(request)));
    for (const answer of answers) expect(answer).toEqual({ state: one.state });
  }

  private async beat(one: Model, stale: boolean): Promise<void> {
    const sessions = [{ taskId: one.id, epoch: stale ? one.epoch - 1 : one.epoch }];
    const [answer] = (await this.on.work.heartbeat({ runner: 'r1', sessions })).sessions;
    const owned = one.state === 'running' && !stale;
    expect(answer?.verdict).toBe(!owned ? 'lost' : one.cancelAsked ? 'cancel' : one.pauseAsked ? 'pause' : 'extended');
  }

  private async vanish(one: Model): Promise<void> {
    await this.on.silence(one.id);
    await this.on.ends.lapse();
    if (one.state !== 'running') return;
    one.lost += 1;
    const goesOn = one.pauseAsked ? 'paused' : 'ready';
    one.state = one.cancelAsked ? 'cancelled' : one.lost === 5 ? 'failed' : goesOn;
    Object.assign(one, { cancelAsked: false, pauseAsked: false });
  }

  private async cancel(one: Model): Promise<void> {
    const cancelling = this.on.tasks.cancel(one.id);
    if (one.state === 'completed' || one.state === 'failed') {
      await expect(cancelling).rejects.toMatchObject({ code: 'conflict' });
      return;
    }
    await cancelling;
    if (one.state === 'running') one.cancelAsked = true;
    else one.state = 'cancelled';
  }

  private async pause(one: Model): Promise<void> {
    const pausing = this.on.pausing.pause({ id: one.id, by: 'ada' });
    if (OVER.includes(one.state)) {
      await expect(pausing).rejects.toMatchObject({ code: 'conflict' });
      return;
    }
    await pausing;
    if (one.state === 'running') one.pauseAsked = true;
    else one.state = 'paused';
  }

  private async resume(one: Model): Promise<void> {
    const resuming = this.on.pausing.resume({ id: one.id, by: 'ada' });
    if (OVER.includes(one.state)) {
      await expect(resuming).rejects.toMatchObject({ code: 'conflict' });
      return;
    }
    await resuming;
    if (one.state === 'paused') one.state = this.allDone(one) ? 'ready' : 'blocked';
    one.pauseAsked = false;
  }

  private allDone = (one: Model): boolean => one.dependsOn.every((index) => this.model[index]?.state === 'completed');

  /** What waits for others follows them. In order of creation, one pass is enough. */
  private settle(): void {
    for (const one of this.model) {
      if (one.state !== 'blocked') continue;
      const needed = one.dependsOn.map((index) => this.model[index]?.state);
      if (needed.includes('failed') || needed.includes('cancelled')) one.state = 'failed';
      else if (needed.every((state) => state === 'completed')) one.state = 'ready';
    }
  }

  private async compare(): Promise<void> {
    const rows = await this.on.database.query<{
      id: string;
      state: TaskState;
      epoch: number;
      open: bigint;
      ended: bigint;
    }>(
      `SELECT t.id, t.state, t.epoch, count(s.id) FILTER (WHERE s.ended_at IS NULL) AS open,
         count(s.id) FILTER (WHERE s.ended_at IS NOT NULL) AS ended
       FROM tasks t LEFT JOIN sessions s ON s.task_id = t.id WHERE executor = $1 GROUP BY t.id ORDER BY t.seq`,
      [this.executor],
    );
    expect(rows).toEqual(
      this.model.map(({ id, state, epoch }) => {
        const open = state === 'running' ? 1 : 0;
        return { id, state, epoch, open: BigInt(open), ended: BigInt(epoch - open) };
      }),
    );
  }

  /** Every end is told exactly once, and whatever is left can still be brought to one. */
  async bringToAnEnd(): Promise<void> {
    for (let round = 0; this.model.some(({ state }) => !OVER.includes(state)) && round < 50; round++) {
      for (const one of this.model.filter(({ state }) => state === 'running')) {
        await this.finish(one, { do: 'finish', task: 0, how: 'completed', stale: false, twice: false });
        this.settle();
      }
      for (const one of this.model.filter(({ state }) => state === 'paused')) await this.resume(one);
      this.settle();
      await this.claim(3);
    }
    await this.compare();
    const facts = await this.on.facts();
    for (const { id, state } of this.model) {
      expect(OVER).toContain(state);
      const told = facts.filter((subject) => OVER.some((over) => subject === `task.${over}.${id}`));
      expect(told).toEqual([`task.${state}.${id}`]);
    }
  }
}

describe('any run of claims, finishes, losses, pauses and cancellations', () => {
  let server: TestDatabase;
  let database: Database;
  let on: OnPostgres;

  beforeAll(async () => {
    server = await createTestDatabase({
      template: { name: 'tasks', build: async (url) => (await openTasks(url)).close() },
    });
    database = await openTasks(server.url);
    on = new OnPostgres(database);
  });

  afterAll(async () => {
    await database?.close();
    await server?.drop();
  });

  it('keeps to the state machine: one owner at a time, epochs that only grow, one end, told once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30 }), async (steps) => {
        const run = new Run(on);
        for (const one of steps) await run.take(one);
        await run.bringToAnEnd();
      }),
      { numRuns: 40, interruptAfterTimeLimit: 60_000 },
    );
  });
});
