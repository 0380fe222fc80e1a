import type { EmergencyReport, ShutdownTarget } from '@purser/contracts';
import { merged, reportId, stillCosting } from './report.js';
import { reportPage } from './report-page.js';

const at = '2026-11-23T11:18:54.123Z';
const target = (name: string, given: Partial<ShutdownTarget> = {}): ShutdownTarget => ({
  kind: 'container',
  id: name,
  name,
  fate: 'stopped',
  detail: 'labelled',
  at,
  watchdog: 'one',
  usdPerHour: null,
  ...given,
});
const report = (given: Partial<EmergencyReport> = {}): EmergencyReport => ({
  id: reportId({ at }),
  latch: { serial: 1, active: true, by: 'ada', reason: 'a loop', at },
  steps: [],
  history: [],
  byModel: [],
  evidence: null,
  targets: [],
  acknowledgements: [],
  missing: [],
  stillCosting: { usdPerHour: '0.00', items: [] },
  problems: [],
  ...given,
});
const silent = { service: 'agent-runner', instance: 'r1' };

it('has a name that is a file’s and a subject’s', () => {
  expect(reportId({ at })).toBe('emergency_2026-11-23T11-18-54-123Z');
});

describe('what still costs', () => {
  it('is what lives, what was left at a known price, who is silent, and what nobody stops', () => {
    const targets = [
      target('stopped', { usdPerHour: '9' }),
      target('alive', { fate: 'alive', usdPerHour: '1.25' }),
      target('many', { fate: 'over_cap' }),
      target('kept', { fate: 'protected', usdPerHour: '0.5' }),
      target('other', { fate: 'left' }),
    ];
    expect(stillCosting(targets, [silent], [{ what: 'a disk', usdPerHour: '0.000001' }])).toEqual({
      usdPerHour: '1.750001',
      items: [
        { what: 'container alive', usdPerHour: '1.25' },
        { what: 'container many', usdPerHour: null },
        { what: 'container kept', usdPerHour: '0.5' },
        { what: 'agent-runner r1, which has not acknowledged', usdPerHour: null },
        { what: 'a disk', usdPerHour: '0.000001' },
      ],
    });
  });
});

describe('a report that is added to', () => {
  it('keeps what another watchdog saw, and takes the last word of the same one', () => {
    const earlier = report({
      targets: [target('a', { fate: 'alive' }), target('a', { watchdog: 'two' }), target('b')],
      missing: [silent],
      evidence: { title: 'a spike', details: {} },
      problems: ['Docker: away'],
    });
    const acknowledged = { serial: 1, ...silent, at, stopped: [] };
    const later = report({ targets: [target('a', { fate: 'killed' })], acknowledgements: [acknowledged] });
    const kept = merged(earlier, later, []);
    expect(kept.targets.map(({ watchdog, name, fate }) => [watchdog, name, fate])).toEqual([
      ['one', 'a', 'killed'],
      ['two', 'a', 'stopped'],
      ['one', 'b', 'stopped'],
    ]);
    expect(kept).toMatchObject({ missing: [], evidence: { title: 'a spike' }, problems: ['Docker: away'] });
    expect(kept.stillCosting.items).toEqual([]);
  });
});

describe('the page', () => {
  const hours = [
    { hour: '2026-11-23T10:00:00.000Z', usd: '1.00' },
    { hour: '2026-11-23T11:00:00.000Z', usd: '4.00' },
  ];

  it('shows the costs as bars in proportion', () => {
    const heights = [...reportPage(report({ history: hours })).matchAll(/<rect[^>]* height="([\d.]+)"/g)].map(
      ([, height]) => Number(height),
    );
    expect(heights).toHaveLength(2);
    expect(heights[1]! / heights[0]!).toBeCloseTo(4, 1);
  });

  it('runs nothing and loads nothing, whatever stands in a name', () => {
    const evil = '"><img src=x onerror=alert(1)><script>alert(2)</script>';
    const page = reportPage(
      report({
        history: hours,
        targets: [target(evil, { detail: evil, fate: 'alive' })],
        evidence: { title: evil, details: { evil } },
        problems: [evil],
        missing: [silent],
        byModel: [{ provider: evil, model: evil, usd: '1.00', requests: 1 }],
      }),
    );
    expect(page).not.toMatch(/<script|<img|<link|https?:/);
    expect(page).toContain('STILL RUNS');
  });
});
