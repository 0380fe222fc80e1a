import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { FakeApi } from '../testing/fake-api.fixture.js';
import { budgetWith, COSTS, NO_LATCH } from '../testing/costs.fixture.js';

describe('purser costs', () => {
  let api: FakeApi;

  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());
  beforeEach(() => {
    api.reset();
    const budgets = [
      budgetWith('46.00', 'critical'),
      budgetWith('1.00', 'ok', { id: 'daily', period: 'day', limitUsd: '5' }),
    ];
    api.answers['GET /v1/costs'] = () => [200, COSTS];
    api.answers['GET /v1/budgets'] = () => [200, { revision: 1, taskBudgetsRevision: 0, budgets }];
    api.answers['GET /v1/emergency'] = () => [200, { latch: NO_LATCH, acknowledgements: [] }];
  });
  const purser = (...argv: string[]) => api.purser(...argv);

  it('prints the dashboard, or all of it as JSON', async () => {
    const { code, out } = await purser('costs');
    expect(code).toBe(0);
    expect(out).toMatch(/^budget +\$50\.00 per month .*\nspent +\$46\.00, 92\.0 %\nremaining +\$4\.00\n/);
    const json = JSON.parse((await purser('costs', '--json')).out) as object;
    expect(json).toMatchObject({ costs: COSTS, budgets: [{ id: 'monthly-total' }, {}], latch: NO_LATCH });
  });

  it('ends with 1 when a budget is over a part of its limit, and says which', async () => {
    expect(await purser('costs', '--fail-over', '90')).toMatchObject({
      code: 1,
      err: 'monthly-total is at 92.0 %, over 90 %\n',
    });
    expect(await purser('costs', '--fail-over', '92')).toMatchObject({ code: 0, err: '' });
    expect(await purser('costs', '--fail-over', '90', '--budget', 'daily')).toMatchObject({ code: 0, err: '' });
    const json = await purser('costs', '--fail-over', '10', '--json');
    expect([json.code, Object.keys(JSON.parse(json.out) as object)]).toEqual([
      1,
      expect.arrayContaining(['costs', 'budgets', 'latch']),
    ]);
  });

  it('is what the workflow in the examples runs, as it is typed there', async () => {
    const file = join(import.meta.dirname, '../../../../examples/github-actions/spend-check.yml');
    const { jobs } = parse(await readFile(file, 'utf8')) as { jobs: { budgets: { steps: { run?: string }[] } } };
    const line = jobs.budgets.steps
      .map(({ run }) => run?.trim())
      .find((run) => run?.startsWith('npm run --silent purser'));
    const argv = (line ?? '')
      .replace('"$PERCENT"', '90')
      .split(' ')
      .filter((word) => word !== '--');
    expect(await purser(...argv.slice(4))).toMatchObject({
      code: 1,
      err: expect.stringContaining('over 90 %') as string,
    });
  });

  it('does not pass when there is nothing to measure against, or nobody answers', async () => {
    expect(await purser('costs', '--fail-over', '90', '--budget', 'other')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no budget "other"') as string,
    });
    api.answers['GET /v1/budgets'] = () => [200, { revision: 1, taskBudgetsRevision: 0, budgets: [] }];
    expect((await purser('costs', '--fail-over', '90')).code).toBe(1);
    api.answers['GET /v1/costs'] = () => [503, { error: { code: 'unavailable', message: 'away', details: {} } }];
    expect((await purser('costs', '--fail-over', '90')).code).toBe(3);
  });

  it('is shown again and again with --watch, through a restart', async () => {
    let asked = 0;
    api.answers['GET /v1/costs'] = () => {
      asked += 1;
      if (asked === 2) return [503, { error: { code: 'unavailable', message: 'restarting', details: {} } }];
      if (asked === 4) return [401, { error: { code: 'unauthorized', message: 'another key', details: {} } }];
      return [200, { ...COSTS, todayUsd: `${asked}.00` }];
    };
    const { code, out, err } = await purser('costs', '--watch', '--every', '0.01');
    expect([...out.matchAll(/^today +(\S+)$/gm)].map(([, today]) => today)).toEqual(['$1.00', '$3.00']);
    expect(err).toMatch(/restarting[^]*another key/);
    expect(code).toBe(1);
  });
});

describe('purser ledger', () => {
  let api: FakeApi;

  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());
  beforeEach(() => api.reset());

  it('lists what was asked for', async () => {
    api.answers['GET /v1/ledger'] = () => [200, { entries: [], next: null }];
    const { code, out } = await api.purser('ledger', 'list', '--task', 't1', '--presumed', '--limit', '5');
    expect([code, out]).toEqual([0, 'No entry.\n']);
    expect(api.seen[0]?.url).toBe('/v1/ledger?task=t1&finality=presumed&limit=5');
  });

  it('corrects with a name and a reason', async () => {
    const answer = { attemptId: 'a1', beforeUsd: '2.00', actualUsd: '0.00', correction: null };
    api.answers['POST /v1/ledger/a1/correct'] = () => [200, answer];
    const { out } = await api.purser('ledger', 'correct', 'a1', '--actual', '0', '--reason', 'never billed');
    expect(out).toBe('a1 counts as $0.00 already: nothing was changed.\n');
    expect(api.seen[0]?.body).toEqual({ actualUsd: '0', by: 'ada', reason: 'never billed' });
    expect(await api.purser('ledger', 'correct', 'a1', '--actual', '0')).toMatchObject({ code: 2 });
  });
});
