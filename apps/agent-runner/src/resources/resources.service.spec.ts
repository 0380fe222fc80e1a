import { assess, type Resource, STOP_SHARE, WARNING_SHARE } from './resources.service.js';
import { WRAP_SHARE } from './thresholds.js';

const limits = { tokens: 1000, requests: 100, seconds: 60, memoryMb: 512 };

it('is healthy without limits, whatever is used', () => {
  expect(assess({}, { seconds: 1e9, tokens: 1e9, memoryMb: 1e9 })).toEqual({ level: 'healthy' });
});

it('knows nothing of a resource that was not measured', () => {
  expect(assess({ tokens: 10 }, { seconds: 5 })).toEqual({ level: 'healthy' });
});

describe.each<[Resource, number]>([
  ['tokens', 0.85],
  ['requests', 0.85],
  ['seconds', 0.9],
  ['memoryMb', 0.8],
])('%s', (resource, threshold) => {
  const at = (share: number) => assess({ [resource]: 1000 }, { seconds: 0, [resource]: share * 1000 }).level;

  it(`warns from ${WARNING_SHARE} and wraps up from ${threshold}`, () => {
    expect(WRAP_SHARE[resource]).toBe(threshold);
    expect([at(0.749), at(0.75), at(threshold - 0.001), at(threshold), at(1.249)]).toEqual([
      'healthy',
      'warning',
      'warning',
      'wrap',
      'wrap',
    ]);
  });

  it('stops what goes on in spite of that, except for requests', () => {
    expect(at(STOP_SHARE)).toBe(resource === 'requests' ? 'wrap' : 'stop');
  });
});

it('lets the first to reach its threshold win', () => {
  const assessment = assess(limits, { tokens: 700, requests: 10, seconds: 30, memoryMb: 410 });
  expect(assessment).toEqual({ level: 'wrap', resource: 'memoryMb', reason: 'memoryMb 0.80 of its limit' });
});

it('names the one that is furthest beyond when several are', () => {
  expect(assess(limits, { tokens: 860, requests: 86, seconds: 58 })).toMatchObject({
    resource: 'seconds',
    reason: 'seconds 0.97 of its limit',
  });
});

it('puts a resource that stops before one that is relatively further but only wraps up', () => {
  expect(assess(limits, { tokens: 1250, requests: 500, seconds: 0 })).toMatchObject({
    level: 'stop',
    resource: 'tokens',
  });
});
