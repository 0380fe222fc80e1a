import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@purser/testing';
import { FAULTS } from './faults/faults.js';
import { chainAgent, lastOfChain } from './faults/programs.js';
import { Random } from './faults/random.js';
import { BUDGET_USD, Scene } from './faults/scene.js';
import { processesOf } from './faults/witness.js';
import { Workload } from './faults/workload.js';
import type { TaskSeen } from './system.js';

/** `npm run test:faults` sets them; a run of all tests has a short one. */
const SEED = Number(process.env.PURSER_FAULTS_SEED ?? 20_261_129);
const SECONDS = Number(process.env.PURSER_FAULTS_SECONDS ?? 45);
const SLEEP_SECONDS = Number(process.env.PURSER_FAULTS_SLEEP_SECONDS ?? 15);

jest.setTimeout((SECONDS + SLEEP_SECONDS + 420) * 1_000);

const nano = (usd: string): bigint => {
  const [whole = '0', fraction = ''] = usd.split('.');
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
};

/** Whatever goes wrong, in whatever order: the seed says it all, and is printed by what fails. */
describe(`a stream of tasks under faults (seed ${SEED}, ${SECONDS} s)`, () => {
  const random = new Random(SEED);
  const happened: string[] = [];
  let scene: Scene;
  let workload: Workload;
  let tasks: TaskSeen[] = [];

  beforeAll(async () => {
    scene = await Scene.set(random);
    workload = new Workload(scene);
  });

  afterAll(() => scene?.strike());

  const seen = async (id: string): Promise<TaskSeen> => {
    const { status, body } = await scene.system.api<TaskSeen>('GET', `/v1/tasks/${id}`);
    if (status !== 200) throw new Error(`task ${id} was answered with ${status}: ${JSON.stringify(body)}`);
    return body;
  };

  it('goes on to the end of every task', async () => {
    const end = Date.now() + SECONDS * 1_000;
    const submitting = (async () => {
      while (Date.now() < end) {
        await workload.submitOne();
        await delay(random.between(200, 1_500));
      }
    })();
    while (Date.now() < end) {
      const fault = random.pick(FAULTS);
      happened.push(fault.name);
      await fault.happen(scene);
      await delay(random.between(500, 3_000));
    }
    await submitting;
    tasks = await eventually(
      async () => {
        const all = await Promise.all(workload.expected.map(({ id }) => seen(id)));
        const open = all.filter(({ state }) => state !== 'completed');
        if (open.length > 0)
          throw new Error(
            `seed ${SEED}; after ${happened.join('; ')}: not completed are ${JSON.stringify(open.slice(0, 3))}`,
          );
        return all;
      },
      { timeoutMs: 180_000, everyMs: 1_000 },
    );
    expect(tasks.length).toBeGreaterThan(SECONDS / 10);
  });

  it('loses no task and does each once, with the result that it has without any fault', async () => {
    for (const { id, result } of workload.expected) {
      const task = tasks.find((one) => one.id === id);
      expect({ id, result: task?.result }).toEqual({ id, result: expect.objectContaining(result) as unknown });
      expect(task?.sessions.filter(({ outcome }) => outcome === 'completed')).toHaveLength(1);
      expect(task?.sessions.map(({ epoch }) => epoch)).toEqual(task?.sessions.map((_, index) => index + 1));
    }
    await eventually(async () => {
      const facts = await scene.witness.facts();
      const completions = facts.filter((subject) => subject.startsWith('task.completed.')).sort();
      expect(completions).toEqual(workload.expected.map(({ id }) => `task.completed.${id}`).sort());
      expect(facts.filter((subject) => /^task\.(failed|cancelled|rejected)\./.test(subject))).toEqual([]);
    });
  });

  it('takes no write of an old epoch', async () => {
    const written = await scene.witness.written();
    expect(written.filter(({ place }) => place === 'checkpoints').length).toBeGreaterThan(0);
    expect(written.filter(({ epoch, fence }) => fence === null || epoch < fence)).toEqual([]);
  });

  it('gives each session the very bytes that were saved last', async () => {
    const checkpoints = (await scene.witness.written()).filter(({ place }) => place === 'checkpoints');
    const resumed: { taskId: string; epoch: number; digest: string | undefined }[] = [];
    for (const { id, epoch } of tasks.filter((task) => task.epoch > 1)) {
      const { body } = await scene.system.api<{ lines: { epoch: number; stream: string; text: string }[] }>(
        'GET',
        `/v1/tasks/${id}/logs?limit=5000`,
      );
      for (const line of body.lines.filter(({ text }) => text.startsWith('resumed sha256:')))
        resumed.push({ taskId: id, epoch: line.epoch, digest: line.text.slice('resumed '.length) });
      expect(epoch).toBeGreaterThan(1);
    }
    for (const { taskId, epoch, digest } of resumed) {
      const last = checkpoints.filter((one) => one.taskId === taskId && one.epoch < epoch).at(-1);
      expect({ taskId, epoch, digest }).toEqual({ taskId, epoch, digest: last?.digest });
    }
    expect(resumed.length).toBeGreaterThan(0);
  });

  it('leaves no process of an agent', async () => {
    const ids = new Set(workload.expected.map(({ id }) => id));
    await eventually(() => Promise.resolve(expect(processesOf(ids)).toEqual([])), { timeoutMs: 15_000 });
  });

  it('spends no more than the budget, and knows of all of it', async () => {
    const { billedNano } = (await scene.system.models.read()).counters;
    expect(billedNano).toBeGreaterThan(0n);
    expect(billedNano).toBeLessThanOrEqual(nano(BUDGET_USD));
    await eventually(
      async () => {
        const { body } = await scene.system.api<{ monthUsd: string }>('GET', '/v1/costs');
        expect(nano(body.monthUsd)).toBeGreaterThanOrEqual(billedNano);
      },
      { timeoutMs: 20_000 },
    );
  });

  it(`sleeps for ${SLEEP_SECONDS} s, as a laptop does, and loses no session’s work`, async () => {
    const ids = ['sleeper-1', 'sleeper-2', 'sleeper-3'];
    const units = 120;
    for (const id of ids)
      await scene.system.api('POST', '/v1/tasks', { id, executor: 'command', input: { argv: chainAgent(units, 100) } });
    await eventually(async () => {
      for (const id of ids)
        expect((await scene.system.api('GET', `/v1/tasks/${id}/checkpoint`)).body).toMatchObject({ taskId: id });
    });
    const before = await Promise.all(ids.map(seen));
    const pids = await scene.pids();
    const signal = (name: NodeJS.Signals) => {
      for (const pid of pids)
        try {
          process.kill(pid, name);
        } catch {
          // It ended by itself.
        }
    };
    signal('SIGSTOP');
    await delay(SLEEP_SECONDS * 1_000);
    signal('SIGCONT');
    for (const { id, epoch } of before) {
      const task = await scene.system.taskIn(id, 'completed', 90_000);
      expect(task.result).toMatchObject({ n: units, link: lastOfChain(units) });
      expect(task.sessions.filter(({ outcome }) => outcome === 'lost')).toEqual([]);
      expect(task.epoch).toBeLessThanOrEqual(epoch + 1);
    }
  });
});
