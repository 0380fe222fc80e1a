import { eventually, startModelServer } from '@purser/testing';
import { Playground } from '../testing/purser-process.fixture.js';

jest.setTimeout(60_000);

describe('the services of purser up on its own NATS', () => {
  let place: Playground;

  beforeEach(async () => {
    place = await Playground.make();
  });

  afterEach(() => place.remove());

  it('lets every service do on the bus what it needs: paid calls, budgets, sessions, an emergency', async () => {
    const price = { inputPerMillionUsd: '10', outputPerMillionUsd: '30' };
    const models = await startModelServer({ models: { 'demo-large': price } });
    try {
      await place.configure('models.json', {
        general_chat: { tier_1_paid: { provider: 'openai', model: 'demo-large', price, maxOutputTokens: 256 } },
      });
      await place.configure('budgets.json', { budgets: [{ id: 'monthly', period: 'month', limitUsd: '1' }] });
      const purser = await place.up({ OPENAI_BASE_URL: models.openaiBaseUrl, OPENAI_API_KEY: 'demo' });
      const ask = `fetch(process.env.OPENAI_BASE_URL + '/chat/completions', {
        method: 'POST',
        headers: { authorization: 'Bearer ' + process.env.OPENAI_API_KEY, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'general_chat', max_tokens: 20, messages: [{ role: 'user', content: 'hi' }] }),
      }).then((answer) => process.exit(answer.status === 200 ? 0 : 1))`;
      const task = ['--id', 'paid', '--budget', '0.5', '--wait', '--', 'node', '-e', ask];
      expect(await place.purser(['task', 'submit', ...task])).toMatchObject({ code: 0 });
      await eventually(async () => {
        const { out } = await place.purser(['budget', 'list', '--json']);
        const { budgets } = JSON.parse(out) as { budgets: { id: string; window: { settledUsd: string } }[] };
        const spent = new Map(budgets.map(({ id, window }) => [id, Number(window.settledUsd)]));
        expect(spent.get('monthly')).toBeGreaterThan(0);
        expect(spent.get('task-paid')).toBeGreaterThan(0);
      });
      expect((await place.purser(['budget', 'set', 'monthly', '--limit', '2'])).code).toBe(0);
      expect((await place.purser(['emergency', 'trigger', '--reason', 'drill'])).code).toBe(0);
      await eventually(async () => {
        const { out } = await place.purser(['emergency', 'status', '--json']);
        const { acknowledgements } = JSON.parse(out) as { acknowledgements: unknown[] };
        expect(acknowledgements).toHaveLength(5);
      });
      expect((await place.purser(['emergency', 'reset', '--reason', 'over'])).code).toBe(0);
      purser.signal('SIGINT');
      expect((await purser.end()).code).toBe(0);
      expect(await place.read('logs/nats-server.log')).not.toMatch(/violation/i);
    } finally {
      await models.stop();
    }
  });
});
