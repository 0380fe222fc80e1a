import { ExecutorOffers, Heartbeat } from './services.js';

const beat = (executors: unknown) => ({
  service: 'agent-runner',
  instance: 'r1',
  version: '1',
  startedAt: '2026-11-01T00:00:00Z',
  at: '2026-11-01T00:00:00Z',
  executors,
});
const offer = (input: object) => [{ name: 'command', input }];
const nested = (levels: number): object => (levels === 0 ? {} : { items: nested(levels - 1) });
const many = (count: number) => Array.from({ length: count }, (_, n) => ({ name: `executor-${n}` }));

describe('what a runner announces', () => {
  it.each<[string, unknown, RegExp]>([
    ['a large schema', offer({ description: 'x'.repeat(17 * 1024) }), /larger than 16 KiB/],
    ['a schema that is large in bytes', offer({ description: 'ä'.repeat(9 * 1024) }), /larger than 16 KiB/],
    ['a deep schema', offer(nested(2000)), /more than 32 levels deep/],
    ['many executors', many(51), /50 executors at most/],
  ])('has bounds: %s is refused, while the beat counts', (_, executors, message) => {
    expect(ExecutorOffers.safeParse(executors).error?.message).toMatch(message);
    const heard = Heartbeat.parse(beat(executors));
    expect([heard.service, heard.instance, heard.executors]).toEqual(['agent-runner', 'r1', undefined]);
  });

  it.each([[offer(nested(31))], [offer({ description: 'x'.repeat(16_000) })], [many(50)]])(
    'is heard within them',
    (executors) => {
      expect(Heartbeat.parse(beat(executors)).executors).toEqual(executors);
    },
  );
});
