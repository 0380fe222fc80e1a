import type { Bus } from '@purser/bus';
import { type Assignment, PurserError, type RequestOf, type workClaim } from '@purser/contracts';
import type { Clock, Latch, Log } from '@purser/service';
import type { Executors } from '../executors/executors.js';
import { Lease } from '../sessions/lease.js';
import type { Sessions } from '../sessions/sessions.service.js';
import type { StopCause } from '../sessions/stop-cause.js';
import { Claims } from './claims.service.js';
import type { Heartbeats } from './heartbeats.service.js';

type Claim = RequestOf<typeof workClaim>;

let asked: Claim[];
let answers: (Error | string[])[];
let startedSessions: { taskId: string; sentAt: number; cause: StopCause | undefined }[];
let now: number;
let whileAsked: () => unknown;
const latch = { isSet: false, latest: undefined as unknown };
const heartbeats = {
  healthy: true,
  leasesLast: () => undefined,
  watchOver: () => undefined,
};

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

function open(slots = 4): Claims {
  const bus = {
    origin: { service: 'agent-runner', instance: 'runner-1' },
    call: (_operation: unknown, request: Claim) => {
      asked.push(request);
      whileAsked();
      const answer = answers.shift() ?? [];
      if (answer instanceof Error) return Promise.reject(answer);
      const assignments = answer.map((taskId) => ({ taskId }) as Assignment);
      return Promise.resolve({ leaseMs: 8_000, assignments });
    },
  };
  const sessions = {
    clock: { monotonic: () => now },
    get freeSlots() {
      return slots - startedSessions.length;
    },
    whenFree: () => undefined,
    start: ({ taskId }: Assignment, sentAt: number, _leaseMs: number, cause?: StopCause) =>
      startedSessions.push({ taskId, sentAt, cause }),
  };
  return new Claims(
    bus as unknown as Bus,
    sessions as unknown as Sessions,
    heartbeats as unknown as Heartbeats,
    { names: ['command'] } as unknown as Executors,
    latch as unknown as Latch,
    quiet as unknown as Log,
  );
}

beforeEach(() => {
  jest.useFakeTimers();
  asked = [];
  answers = [];
  startedSessions = [];
  now = 100;
  whileAsked = () => undefined;
  latch.isSet = false;
  heartbeats.healthy = true;
});

const run = async (claims: Claims, ms: number) => {
  claims.start();
  await jest.advanceTimersByTimeAsync(ms);
  const stopped = claims.stop();
  await jest.advanceTimersByTimeAsync(5_000);
  await stopped;
};

it('asks again at once while there is work, and polls when there is none', async () => {
  answers = [['a', 'b'], ['c'], []];
  await run(open(), 400);
  expect(asked.map(({ slots }) => slots)).toEqual([4, 2, 1]);
  expect(new Set(asked.map(({ requestId }) => requestId)).size).toBe(3);
  expect(startedSessions.map(({ taskId }) => taskId)).toEqual(['a', 'b', 'c']);
});

it('polls about every two seconds, and at once when it is told of work', async () => {
  const claims = open();
  claims.start();
  await jest.advanceTimersByTimeAsync(1_400);
  expect(asked).toHaveLength(1);
  claims.nudge();
  await jest.advanceTimersByTimeAsync(60);
  expect(asked).toHaveLength(2);
  await jest.advanceTimersByTimeAsync(2_550);
  expect(asked.length).toBeGreaterThanOrEqual(3);
  await claims.stop();
});

it('repeats a claim that got no answer under the same id, and counts its leases from the try that is answered', async () => {
  answers = [new PurserError('timeout'), ['a']];
  const claims = open(1);
  claims.start();
  await jest.advanceTimersByTimeAsync(10);
  now = 3_000;
  await jest.advanceTimersByTimeAsync(2_600);
  expect(asked).toHaveLength(2);
  expect(asked[1]).toEqual({ ...asked[0], again: true });
  expect(startedSessions).toEqual([{ taskId: 'a', sentAt: 3_000, cause: undefined }]);
  await claims.stop();
});

it('gives what it claims after an outage the whole lease, however long nobody answered', async () => {
  answers = [...Array.from({ length: 8 }, () => new PurserError('unavailable')), ['a']];
  whileAsked = () => (now += 2_000);
  const claims = open(1);
  claims.start();
  await jest.advanceTimersByTimeAsync(25_000);
  await claims.stop();
  const [session] = startedSessions;
  const lease = new Lease({ monotonic: () => now } as unknown as Clock, session!.sentAt, 8_000);
  expect(lease.remainingMs).toBe(6_000);
});

it('begins anew after a refusal', async () => {
  answers = [new PurserError('invalid_request'), []];
  await run(open(), 2_600);
  expect(asked[1]?.requestId).not.toBe(asked[0]?.requestId);
});

it.each([
  ['the emergency latch is set', () => (latch.isSet = true)],
  ['leases cannot be renewed', () => (heartbeats.healthy = false)],
])('asks for nothing while %s', async (_what, block) => {
  block();
  await run(open(), 10_000);
  expect(asked).toEqual([]);
});

it('asks for nothing without a free slot', async () => {
  await run(open(0), 10_000);
  expect(asked).toEqual([]);
});

it('gives back what comes in after the latch was set', async () => {
  answers = [['a']];
  const claims = open();
  whileAsked = () => (latch.isSet = true);
  await run(claims, 10);
  expect(startedSessions[0]?.cause).toMatchObject({ kind: 'emergency' });
});
