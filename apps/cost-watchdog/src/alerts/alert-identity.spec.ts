import { identityOf, type NewAlert, topicsEndedBy } from './alert-identity.js';

const alert = (more: Partial<NewAlert>): NewAlert => ({
  severity: 'warning',
  kind: 'spec',
  title: 'Something is wrong',
  details: {},
  ...more,
});
const fingerprint = (more: Partial<NewAlert>) => identityOf(alert(more)).fingerprint;

describe('a fingerprint', () => {
  it('is of what the alert is about, whatever its title says', () => {
    expect(fingerprint({ about: 'g1' })).toBe('spec/g1');
    expect(fingerprint({ about: 'g1', title: 'Worse' })).toBe('spec/g1');
    expect(fingerprint({ about: 'g1', kind: 'other' })).toBe('other/g1');
  });

  it('is of the title where nothing else is said: two things are never taken for one', () => {
    expect(fingerprint({})).toMatch(/^spec\/[0-9a-f]{16}$/);
    expect(fingerprint({})).toBe(fingerprint({ details: { more: 1 } }));
    expect(fingerprint({})).not.toBe(fingerprint({ title: 'Something else' }));
  });

  it('is one short word', () => {
    const odd = ['a b', 'a/b', 'x'.repeat(500), '', 'ü'].map((about) => fingerprint({ about }));
    for (const one of odd) expect(one).toMatch(/^spec\/[0-9a-f]{16}$/);
    expect(new Set(odd).size).toBe(odd.length);
  });
});

it('knows what is over by what', () => {
  expect(topicsEndedBy(alert({ kind: 'emergency_cleared' }))).toEqual(['emergency/latch', 'spike/latch']);
  expect(topicsEndedBy(alert({ kind: 'lease_released', about: 'g1' }))).toEqual(['lease_presumed/g1']);
  expect(topicsEndedBy(alert({ kind: 'constructor' }))).toEqual([]);
});
