import { parseBudgetsFile } from './budgets-file.js';

const parse = (value: unknown) => parseBudgetsFile(JSON.stringify(value), 'config/budgets.json');
const thresholds = { warning: 0.75, critical: 0.9, cutoff: 1 };

describe('parseBudgetsFile', () => {
  it('takes budgets written out', () => {
    const { budgets, spikeRules } = parse({
      $schema: './schemas/budgets.schema.json',
      budgets: [{ id: 'daily', period: 'day', limitUsd: 5, timezone: 'Europe/Berlin' }],
      spikeRules: [],
    });
    expect(budgets).toEqual([
      {
        id: 'daily',
        scope: {},
        period: 'day',
        timezone: 'Europe/Berlin',
        limitUsd: '5.00',
        thresholds,
        onExhausted: 'free',
      },
    ]);
    expect(spikeRules).toEqual([]);
  });

  it('takes the short shape', () => {
    const { budgets, spikeRules } = parse({
      monthly_budget: { total: 100, openai: 50.5 },
      alerts: { warning_threshold: 0.5, critical_threshold: 0.9, cutoff_threshold: 1.0 },
      fallback_enabled: false,
    });
    const rest = {
      period: 'month',
      timezone: 'UTC',
      thresholds: { ...thresholds, warning: 0.5 },
      onExhausted: 'block',
    };
    expect(budgets).toEqual([
      { id: 'monthly-total', scope: {}, limitUsd: '100.00', ...rest },
      { id: 'monthly-openai', scope: { provider: 'openai' }, limitUsd: '50.50', ...rest },
    ]);
    expect(spikeRules).toEqual([
      { percent: 20, windowMinutes: 60, minUsd: '5' },
      { source: 'aws-costs', percent: 1, windowMinutes: 60, minUsd: '1' },
    ]);
    expect(parse({ monthly_budget: { total: 1 } }).budgets[0]?.onExhausted).toBe('free');
  });

  it('takes who is told by mail, wherever it stands', () => {
    const alert_email = 'ops@example.org';
    const monthly_budget = { total: 1 };
    expect(parse({ budgets: [], alert_email }).alertEmail).toBe(alert_email);
    expect(parse({ monthly_budget, alert_email }).alertEmail).toBe(alert_email);
    expect(parse({ monthly_budget, alerts: { alert_email } }).alertEmail).toBe(alert_email);
    expect(parse({ monthly_budget }).alertEmail).toBeUndefined();
  });

  it('takes reserves in both shapes', () => {
    const reserves = [
      { share: 0.1, minPriority: 8 },
      { amountUsd: '2.50', minPriority: 3 },
    ];
    const full = reserves.map((reserve, n) => ({ id: `b${n}`, period: 'day', limitUsd: 5, reserve }));
    expect(parse({ budgets: full }).budgets.map(({ reserve }) => reserve)).toEqual(reserves);
    const short = { monthly_budget: { total: 100, openai: 50 }, reserve: { share: 0.2, min_priority: 7 } };
    expect(parse(short).budgets.map(({ reserve }) => reserve)).toEqual(Array(2).fill({ share: 0.2, minPriority: 7 }));
  });

  const reserving = (reserve: object, more: object = {}) => ({
    budgets: [{ id: 'a', period: 'day', limitUsd: '1', reserve, ...more }],
  });

  it.each([
    ['alert_email', { budgets: [], alert_email: 'ops' }, /an address such as/],
    ['budgets.0.reserve.share', reserving({ share: 10, minPriority: 8 }), /<=1/],
    ['budgets.0.reserve', reserving({ share: 0.1, amountUsd: '1', minPriority: 8 }), /or \{"amountUsd": "5"/],
    ['budgets.0.reserve', reserving({ minPriority: 8 }), /a part of the limit above 0 and at most 1, or dollars/],
    ['budgets.0.reserve.minPriority', reserving({ amountUsd: '1', minPriority: 10 }), /<=9/],
    ['budgets.0.reserve.minPriority', reserving({ share: 0.1, minPriority: 0 }), />=1/],
    [
      'budgets.0.reserve',
      reserving({ share: 0.1, minPriority: 8 }, { scope: { task: 't' } }),
      /has no calls of different priorities/,
    ],
    ['reserve.share', { monthly_budget: { total: 1 }, reserve: { share: 2, min_priority: 8 } }, /<=1/],
    ['budgets.0.limitUsd', { budgets: [{ id: 'a', period: 'day', limitUsd: '-1' }] }, /must not be negative/],
    ['budgets.0.limitUsd', { budgets: [{ id: 'a', period: 'day', limitUsd: 'five' }] }, /in dollars such as/],
    ['budgets.0.timezone', { budgets: [{ id: 'a', period: 'day', limitUsd: '1', timezone: 'Berlin' }] }, /IANA/],
    [
      'budgets.0.period',
      { budgets: [{ id: 'a', period: 'year', limitUsd: '1' }] },
      /"day", "week", "month", "total", or rolling/,
    ],
    ['budgets.0.period', { budgets: [{ id: 'a', period: { days: 2 }, limitUsd: '1' }] }, /rolling whole hours such as/],
    ['budgets.0', { budgets: [{ id: 'a', period: 'day', limitUsd: '1', limit: 2 }] }, /"limit"/],
    ['monthly_budget.total', { monthly_budget: { total: 'lots' } }, /in dollars such as/],
    ['alerts', { monthly_budget: { total: 1 }, alerts: { warning_threshold: 0.95 } }, /warning <= critical/],
    ['fallback_enabled', { monthly_budget: { total: 1 }, fallback_enabled: 'yes' }, /boolean/],
    ['spikeRules.0.percent', { budgets: [], spikeRules: [{ percent: 0, windowMinutes: 60, minUsd: '5' }] }, />0/],
    [
      'budgets.1.id',
      { budgets: ['a', 'task-b'].map((id) => ({ id, period: 'day', limitUsd: '1' })) },
      /of the task "b"/,
    ],
    [
      'budgets.0.id',
      { budgets: [{ id: 'task-b', period: 'total', limitUsd: '1', scope: { task: 'b' } }] },
      /does not begin with "task-"/,
    ],
    ['budgets', {}, /array/],
    ['budgets', { budgets: [1, 2].map(() => ({ id: 'a', period: 'day', limitUsd: '1' })) }, /"a" is there twice/],
  ])('names %s when it is wrong', (field, value, problem) => {
    const failure = (() => {
      try {
        return parse(value);
      } catch (error) {
        return error as Error;
      }
    })();
    expect(failure).toMatchObject({ code: 'invalid_request' });
    expect((failure as Error).message).toContain('config/budgets.json');
    expect((failure as Error).message).toContain(field);
    expect((failure as Error).message).toMatch(problem);
  });

  it('says where the text is not JSON', () => {
    expect(() => parseBudgetsFile('{"budgets": [,]}', 'config/budgets.json')).toThrow(
      /config\/budgets.json is not JSON/,
    );
  });
});
