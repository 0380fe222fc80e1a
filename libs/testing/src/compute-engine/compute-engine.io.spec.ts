import { ComputeEngine } from './compute-engine.js';
import type { InstanceBody } from './resources.js';

const HOUR = 3_600_000;
let at: number;
let engine: ComputeEngine;

beforeEach(async () => {
  at = Date.parse('2026-11-01T10:00:00Z');
  engine = await new ComputeEngine({ now: () => at, bootMs: 2_000, deleteMs: 1_000 }).start();
});
afterEach(() => engine.stop());

const body = (name: string, changes: Partial<InstanceBody['scheduling']> = {}, autoDelete = true): InstanceBody => ({
  name,
  machineType: 'zones/us-central1-a/machineTypes/e2-small',
  scheduling: { provisioningModel: 'SPOT', instanceTerminationAction: 'DELETE', ...changes },
  disks: [{ boot: true, autoDelete, initializeParams: { sourceImage: 'an image', diskSizeGb: '73' } }],
});

const add = (instance: InstanceBody) => engine.estate.add('us-central1-a', instance);

it('bills a VM and its disk for the time that they are there', () => {
  const vm = add(body('one'));
  at += 10 * HOUR;
  // Ten hours at $0.029, and 73 GB at $0.04 for ten of the month's 730.
  expect(engine.bill()).toBe(290_000_000n + 40_000_000n);
  engine.estate.end(vm);
  at += 1_000;
  expect(engine.inventory()).toEqual([]);
  const whole = engine.bill();
  at += HOUR;
  expect(engine.bill()).toBe(whole);
  expect(engine.meters().map(({ what, to }) => [what, to])).toEqual([
    ['vm', Date.parse('2026-11-01T20:00:01Z')],
    ['disk', Date.parse('2026-11-01T20:00:01Z')],
  ]);
});

it('ends a VM after its longest time, to the second, though nobody looks', () => {
  add(body('one', { maxRunDuration: { seconds: '900' } }));
  at += 5 * HOUR;
  expect(engine.inventory()).toEqual([]);
  expect(engine.meters()[0]?.to).toBe(Date.parse('2026-11-01T10:15:00Z'));
});

it('takes a spot VM back after its notice, and leaves the disk of one that is only stopped', () => {
  add(body('gone'));
  add(body('stopped', { instanceTerminationAction: 'STOP' }, false));
  for (const name of ['gone', 'stopped']) engine.preempt(name, 30_000);
  at += 29_000;
  expect(engine.inventory()).toEqual(['gone', 'stopped']);
  at += 1_000;
  expect(engine.inventory()).toEqual(['stopped']);
  expect(
    engine.meters().map(({ what, name, to }) => `${what} ${name} ${to === undefined ? 'goes on' : 'ended'}`),
  ).toEqual(['vm gone ended', 'disk gone ended', 'vm stopped ended', 'disk stopped goes on']);
  expect(() => {
    add(body('regular', { provisioningModel: 'STANDARD' }));
    engine.preempt('regular');
  }).toThrow('not of spot price');
});
