import { PurserError } from '@purser/contracts';
import { Log, Metrics, systemClock } from '@purser/service';
import type { CallContext } from '../calls/calls.service.js';
import type { Journal } from '../journal/journal.js';
import { ADMIN } from '../keys/caller.js';
import { CallRecords } from './call-records.service.js';
import type { CallsRepository } from './calls.repository.js';

const told: { fields: object; message: string }[] = [];
class Told extends Log {
  warn(fields: object, message: string): void {
    told.push({ fields, message });
  }
  error(fields: object, message: string): void {
    told.push({ fields, message });
  }
  debug(): void {}
  info(): void {}
  child(): Log {
    return this;
  }
}

const call = (callId: string) =>
  ({
    callId,
    caller: ADMIN,
    call: { kind: 'spec', model: 'm', streaming: false },
    capability: null,
    ...{ tried: [], passed: [], startedAt: 0 },
  }) as unknown as CallContext;

function withDatabase(add: (count: number) => Promise<void>) {
  const kept: string[] = [];
  const repository = {
    add: async (calls: { id: string }[]) => {
      await add(calls.length);
      kept.push(...calls.map(({ id }) => id));
    },
    get: () => Promise.resolve(undefined),
  } as unknown as CallsRepository;
  const journal = { gateway: 'g' } as Journal;
  const metrics = new Metrics('spec');
  return { kept, metrics, records: new CallRecords(repository, journal, systemClock, new Told(), metrics) };
}

beforeEach(() => (told.length = 0));

it('keeps a bounded number while the database is away, and says how many were dropped', async () => {
  let away = true;
  const { records, kept, metrics } = withDatabase(() =>
    away ? Promise.reject(new PurserError('unavailable')) : Promise.resolve(),
  );
  for (let number = 0; number < 10_003; number++) records.add(call(`call-${number}`), undefined);
  await records.beforeApplicationShutdown();
  expect(kept).toEqual([]);
  expect(await records.get('call-7')).toMatchObject({ id: 'call-7', outcome: 'ok' });
  away = false;
  await records.beforeApplicationShutdown();
  expect(kept).toHaveLength(10_000);
  expect(told).toEqual([expect.objectContaining({ fields: { calls: 3 } })]);
  expect(await metrics.registry.metrics()).toMatch(/call_records_dropped_total\{.*\} 3/);
});

it('does not let records that the database refuses stand before the others', async () => {
  let refuse = true;
  const { records, kept } = withDatabase(() => {
    if (!refuse) return Promise.resolve();
    refuse = false;
    return Promise.reject(new Error('invalid input syntax'));
  });
  for (let number = 0; number < 600; number++) records.add(call(`call-${number}`), undefined);
  await records.beforeApplicationShutdown();
  expect(kept).toHaveLength(100);
  expect(told).toEqual([expect.objectContaining({ message: 'records of calls were refused by the database' })]);
});
