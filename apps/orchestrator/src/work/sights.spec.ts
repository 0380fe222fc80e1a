import type { Bus } from '@purser/bus';
import type { Outbox } from '@purser/service';
import type { ClaimGate } from './claim-gate.js';
import { Sights } from './sights.js';
import type { Sight } from './work.repository.js';

let looks: number;
let anyOpen: boolean;
const gate = {
  latestNews: 0,
  nothingStill: () => undefined,
  look: () => {
    looks += 1;
    return Promise.resolve({ anyOpen } as Sight);
  },
};
const outbox = { flushes: 0 };
const bus = { connected: true, losses: 0 };
let sights: Sights;

/** How many of so many looks were made. */
async function made(count: number): Promise<number> {
  const before = looks;
  for (let i = 0; i < count; i += 1) await sights.look();
  return looks - before;
}

beforeEach(async () => {
  looks = 0;
  anyOpen = false;
  bus.connected = true;
  sights = new Sights(gate as unknown as ClaimGate, outbox as unknown as Outbox, bus as unknown as Bus);
  await sights.look();
});

it('looks every second time where there is nothing to see', async () => {
  expect(await made(1)).toBe(0);
  expect(await made(1)).toBe(1);
  expect(await made(4)).toBe(2);
});

it.each([
  ['something was written here', () => void (outbox.flushes += 1)],
  ['work was told of', () => void (gate.latestNews += 1)],
  ['it could not be heard of', () => void (bus.connected = false)],
  ['it could not be heard of for a while', () => void (bus.losses += 1)],
])('looks when %s', async (_what, happen) => {
  happen();
  expect(await made(1)).toBe(1);
});

it('looks each time while a task waits or runs', async () => {
  anyOpen = true;
  outbox.flushes += 1;
  expect(await made(3)).toBe(3);
});

it('looks again once it can be heard of work again that was told of meanwhile', async () => {
  bus.connected = false;
  bus.losses += 1;
  expect(await made(1)).toBe(1);
  bus.connected = true;
  expect(await made(2)).toBe(1);
});

it('looks again when something was written while it looked', async () => {
  outbox.flushes += 1;
  const { look } = gate;
  gate.look = () => {
    outbox.flushes += 1;
    return look();
  };
  await sights.look();
  gate.look = look;
  expect(await made(1)).toBe(1);
});
