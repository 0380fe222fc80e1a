import { eventually } from '@purser/testing';
import { countingAgent } from './agents.js';
import { System } from './system.js';

jest.setTimeout(120_000);

const UNITS = 6;

/** Hands in two parts with its session's own key, waits for both, and tries what it may not do. */
const delegating = [
  'node',
  '-e',
  `
  const ask = async (method, path, body) => {
    const response = await fetch(process.env.PURSER_API_URL + path, {
      method,
      headers: { authorization: 'Bearer ' + process.env.PURSER_API_KEY },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };
  (async () => {
    const part = (id) => ({ id, executor: 'command', input: { argv: ${JSON.stringify(countingAgent(UNITS))} } });
    const { body: handed } = await ask('POST', '/v1/tasks/batch', [part('part-1'), part('part-2')]);
    const refused = [
      (await ask('POST', '/v1/tasks', { ...part('stray'), parent: 'stranger' })).status,
      (await ask('GET', '/v1/tasks/stranger')).status,
      (await ask('GET', '/v1/budgets')).status,
    ];
    for (;;) {
      const { body } = await ask('GET', '/v1/tasks');
      if (body.tasks.length === 2 && body.tasks.every(({ state }) => state === 'completed')) break;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const results = await Promise.all(['part-1', 'part-2'].map((id) => ask('GET', '/v1/tasks/' + id)));
    const units = results.map(({ body }) => body.result.units);
    require('node:fs').writeFileSync(process.env.PURSER_STATE_DIR + '/result.json', JSON.stringify({ taken: handed.taken, refused, units }));
  })().catch((error) => { console.error(error); process.exit(1); });
  `,
];

/** An agent that hands in tasks of its own, on five real processes: what they spend, it may spend. */
describe('a task that hands in parts of itself', () => {
  let system: System;

  beforeAll(async () => {
    system = await System.start();
    await system.models.script({ outputTokens: 150, latencyMs: 20 });
  });
  afterAll(() => system?.stop());

  it('does so with its session’s key, and all of them together stay within its budget', async () => {
    const stranger = { id: 'stranger', executor: 'nobody-has-it', input: {} };
    expect((await system.api('POST', '/v1/tasks', stranger)).status).toBe(201);
    const spec = { id: 'whole', executor: 'command', budgetUsd: '0.03', input: { argv: delegating } };
    expect((await system.api('POST', '/v1/tasks', spec)).status).toBe(201);
    expect(await system.taskIn('whole', 'completed', 60_000)).toMatchObject({
      result: { taken: 2, refused: [403, 404, 403], units: [UNITS, UNITS] },
      children: [
        { id: 'part-1', state: 'completed' },
        { id: 'part-2', state: 'completed' },
      ],
    });

    const { calls } = await system.models.read();
    const paid = calls.filter(({ request }) => request.model === 'demo-large');
    // The budget paid for some of the units; the others went to the free model.
    expect(paid.length).toBeGreaterThan(0);
    expect(calls.length - paid.length).toBeGreaterThan(0);
    expect(calls).toHaveLength(2 * UNITS);
    await eventually(async () => {
      const { body } = await system.api<{ budgets: { id: string; window: { settledUsd: string } }[] }>(
        'GET',
        '/v1/budgets',
      );
      const settled = Number(body.budgets.find(({ id }) => id === 'task-whole')?.window.settledUsd);
      const parts = await Promise.all(['part-1', 'part-2'].map((id) => system.taskIn(id, 'completed')));
      const spent = parts.map(({ spentUsd }) => Number(spentUsd)).reduce((sum, one) => sum + one);
      expect(settled).toBeCloseTo(spent, 9);
      expect(settled).toBeGreaterThan(0);
      expect(settled).toBeLessThanOrEqual(0.03);
    });
  });
});
