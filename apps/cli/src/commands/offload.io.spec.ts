import { FakeApi } from '../testing/fake-api.fixture.js';

const memory = { availableMb: 1500, totalMb: 16000, usedPercent: 90.6, pressure: 'critical', trendMbPerMinute: -12.5 };
const decision = {
  id: '7',
  at: '2026-11-29T10:00:00.000Z',
  lastAt: '2026-11-29T10:00:00.000Z',
  times: 1,
  action: 'offload',
  urgent: true,
  reason: 'memory is critical',
  moves: [
    {
      component: 'embedder',
      to: 'vm',
      machineType: 'e2-standard-2',
      spot: true,
      worstCaseUsd: '0.0725',
      reason: 'weighs 60',
      outcome: 'begun',
    },
  ],
  memory,
};
const status = {
  at: '2026-11-29T10:00:00.000Z',
  health: 'degraded',
  problems: ['no cost-watchdog is running'],
  dryRun: true,
  autoMigration: true,
  preset: 'balanced',
  compute: { provider: 'docker', why: 'no cloud is configured', problem: null },
  memory,
  components: { known: 3, profiled: 3, heavy: 1, offloadable: 1, moving: 0, onVms: 0 },
  ramToSaveMb: 2000,
  ramSavedMb: 0,
  costs: {
    perHourUsd: '0.029',
    since: '2026-11-01T00:00:00.000Z',
    vmsCreated: 1,
    totalEstimatedUsd: '0.10',
    savingsUsd: '0.30',
    forecastUsd: '0.50',
    alerts: [{ period: 'day', alertUsd: '1.00', spentUsd: '1.20', over: true }],
  },
  heavyComponents: [],
  recommendations: ['HYBRID_ORCHESTRATION_DRY_RUN is true'],
  lastDecision: decision,
};

describe('purser offload', () => {
  let api: FakeApi;
  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());
  beforeEach(() => api.reset());

  it('says how all of it stands', async () => {
    api.answers['GET /v1/offload/status'] = () => [200, status];
    const { code, out } = await api.purser('offload', 'status');
    expect(code).toBe(0);
    expect(out).toContain('degraded, dry run');
    expect(out).toContain('critical: 1,500 of 16,000 MB free (90.6 % used), -12.5 MB a minute');
    expect(out).toContain('1 VM created, $0.10 in all, $0.30 saved');
    expect(out).toMatch(/alert, day +\$1\.20 of \$1\.00 OVER/);
    expect(out).toContain('Recommendations\n  HYBRID_ORCHESTRATION_DRY_RUN is true');
    expect(JSON.parse((await api.purser('offload', 'status', '--json')).out)).toEqual(status);
  });

  it('says why, also why nothing was done and how often', async () => {
    const none = { ...decision, action: 'none', urgent: false, times: 40, reason: 'there is memory enough', moves: [] };
    api.answers['GET /v1/offload/decisions'] = () => [200, { decisions: [decision, none] }];
    const { out } = await api.purser('offload', 'why', '--limit', '5');
    expect(api.seen[0]?.url).toBe('/v1/offload/decisions?limit=5');
    expect(out).toContain('offload at once: memory is critical');
    expect(out).toContain('embedder to a VM (spot e2-standard-2, at most $0.0725): weighs 60. begun');
    expect(out).toMatch(/40 times {2}nothing: there is memory enough/);
  });

  it('has it decided now', async () => {
    api.answers['POST /v1/offload/decide'] = () => [200, { decision }];
    expect((await api.purser('offload', 'now')).out).toContain('memory is critical');
  });
});
