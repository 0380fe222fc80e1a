import { eventually, expectNoChildren } from '@purser/testing';
import { TestRunner } from '../runner.fixture.js';

let runner: TestRunner;

jest.setTimeout(30_000);

beforeAll(async () => {
  runner = await TestRunner.start();
});

afterAll(async () => {
  await runner.stop();
  await expectNoChildren();
});

/** Tells its address, and ends when it is asked to. */
const waits = {
  argv: ['sh', '-c', `echo "at $PURSER_CONTROL_URL"; trap 'exit 75' TERM; while :; do sleep 0.05; done`],
};

/** The address of the session of that epoch. */
const addressOf = (id: string, epoch = 1) =>
  eventually(async () => {
    const line = (await runner.logOf(id)).find((one) => one.epoch === epoch && one.text.startsWith('at '));
    if (!line) throw new Error(`no session of epoch ${epoch}`);
    return line.text.slice(3);
  });

const resources = async (url: string) => (await (await fetch(`${url}/resources`)).json()) as Record<string, unknown>;
const post = async (url: string, path: string, body: object) =>
  (await (await fetch(`${url}/${path}`, { method: 'POST', body: JSON.stringify(body) })).json()) as object;

it('tells how far it is to the wrap, and what is left of the budget', async () => {
  runner.others.budgets.set('told', { limitUsd: '2', settledUsd: '0.5' });
  await runner.others.submit({
    taskId: 'told',
    input: waits,
    limits: { tokens: 1000, seconds: 100 },
    complexity: 'complex',
  });
  const url = await addressOf('told');
  runner.others.tokens.set('told-s1', 400);
  await eventually(async () => {
    expect(await resources(url)).toMatchObject({
      wrapAt: { tokens: 800, seconds: 80 },
      used: { tokens: 400 },
      budget: { limitUsd: '2.000000', leftUsd: '1.500000' },
    });
  });
  const { used, secondsUntilWrap } = (await resources(url)) as { used: { seconds: number }; secondsUntilWrap: number };
  // 400 tokens in so many seconds, and 400 more to go.
  expect(secondsUntilWrap).toBeCloseTo(used.seconds, 0);
  runner.others.budgets.set('told', { limitUsd: '2', settledUsd: '1.7' });
  expect((await runner.finishOf('told')).outcome).toEqual({
    kind: 'continue',
    reason: "usd 0.85 of the task's budget",
  });
  // The next session has little money from the start and works on.
  const second = await addressOf('told', 2);
  await eventually(async () => expect(await resources(second)).toMatchObject({ budget: { leftUsd: '0.300000' } }));
  expect(await resources(second)).toMatchObject({ wrap: false });
  runner.others.verdicts.set('told', 'cancel');
  await runner.finishOf('told', 2);
});

it('wraps up before a unit begins that would not fit', async () => {
  await runner.others.submit({ taskId: 'units', input: waits, limits: { tokens: 1000 } });
  const url = await addressOf('units');
  const used = (tokens: number) => {
    runner.others.tokens.set('units-s1', tokens);
    return eventually(async () => expect(await resources(url)).toMatchObject({ used: { tokens } }));
  };
  await used(200);
  expect(await post(url, 'progress', { done: 1, total: 10 })).toMatchObject({ wrap: false });
  await used(800);
  // As much as one of these would pass the limit; the answer says so before it begins.
  expect(await post(url, 'progress', { done: 3, total: 10 })).toEqual({
    level: 'wrap',
    wrap: true,
    reason: 'tokens 0.80 of its limit, and 1.10 after the next unit',
  });
  await runner.finishOf('units');
  runner.others.verdicts.set('units', 'cancel');
});

it('learns what handing over costs, and wraps up earlier where it would not fit', async () => {
  // Takes 300 tokens of 1,000 from the wrap on, each time.
  const script = `echo "at $PURSER_CONTROL_URL"; trap 'sleep 1; exit 75' TERM; while :; do sleep 0.05; done`;
  await runner.others.submit({ taskId: 'dear', input: { argv: ['sh', '-c', script] }, limits: { tokens: 1000 } });
  for (let epoch = 1; epoch <= 3; epoch += 1) {
    await addressOf('dear', epoch);
    runner.others.tokens.set(`dear-s${epoch}`, 860);
    await eventually(async () => {
      const log = (await runner.logOf('dear')).filter((line) => line.epoch === epoch).map(({ text }) => text);
      expect(log).toContain('wrap up: tokens 0.86 of its limit');
    });
    runner.others.tokens.set(`dear-s${epoch}`, 1160);
    await runner.finishOf('dear', epoch);
    await eventually(async () => {
      const rows = await runner.query(
        'SELECT handoff_tokens AS tokens FROM sessions.overheads WHERE task_id = $1 AND epoch = $2',
        ['dear', epoch],
      );
      expect(rows).toEqual([{ tokens: 300 }]);
    });
  }
  runner.others.verdicts.set('dear', 'cancel');
  await runner.finishOf('dear', 4);
  runner.others.verdicts.delete('dear');
  await runner.others.submit({ taskId: 'dear', input: waits, limits: { tokens: 1000 } });
  const url = await addressOf('dear', 5);
  await eventually(async () => expect(await resources(url)).toMatchObject({ wrapAt: { tokens: 625 } }));
  runner.others.verdicts.set('dear', 'cancel');
  await runner.finishOf('dear', 5);
});
