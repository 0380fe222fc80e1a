import { type Call, callsGet } from '@purser/contracts';
import { Latch } from '@purser/service';
import { eventually } from '@purser/testing';
import { ChatModelCall } from '../dialects/chat-model-call.js';
import { hello, openWorld, PAID, type World } from '../gateway.fixture.js';
import { HoldWriter } from '../journal/hold-writer.js';
import { Journal } from '../journal/journal.js';
import { LeaseClient } from '../leases/lease-client.js';
import { ClientGone } from './calls-in-flight.js';
import { Cancellation } from './cancellation.js';

jest.setTimeout(60_000);
let world: World;
beforeEach(async () => {
  world = await openWorld();
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '1' });
  await world.watchdog.beat();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await world.close();
});

/** Holds up the next call when its hold is on file, and before it is told so. */
function holdUp(): { written: Promise<void>; goOn: () => void } {
  const { write } = HoldWriter.prototype;
  let tell: () => void = () => undefined;
  let goOn: () => void = () => undefined;
  const written = new Promise<void>((resolve) => (tell = resolve));
  const mayGoOn = new Promise<void>((resolve) => (goOn = resolve));
  jest.spyOn(HoldWriter.prototype, 'write').mockImplementationOnce(async function (this: HoldWriter, call) {
    await write.call(this, call);
    tell();
    await mayGoOn;
  });
  return { written, goOn };
}

const here = () => {
  const { app } = world.gateway;
  return {
    held: app.get(LeaseClient).wallet.account('w-total').held,
    inFlight: app.get(Journal).inFlight,
    upstream: world.models.counters.calls,
  };
};
const NOTHING = { held: 0n, inFlight: [], upstream: 0 };

/** Of the one attempt that the ledger was told of. */
async function explained(): Promise<Call> {
  const spends = await eventually(() => {
    expect(world.watchdog.spends).not.toEqual([]);
    return world.watchdog.spends;
  });
  expect(spends).toEqual([
    expect.objectContaining({ amountUsd: '0.00', finality: 'final', outcome: 'cancelled', windows: ['w-total'] }),
  ]);
  return eventually(() => world.bus.call(callsGet, { id: spends[0]?.callId ?? '' }));
}
const notMade = expect.objectContaining({ outcome: 'cancelled', amountUsd: '0.00' }) as unknown;

it.each([true, false])('makes no call whose client left while its hold was written (stream: %s)', async (stream) => {
  const abort = jest.spyOn(Cancellation.prototype, 'abort');
  const { written, goOn } = holdUp();
  const client = new AbortController();
  const asked = world.client().chat.completions.create({ ...hello(PAID), stream }, { signal: client.signal });
  asked.catch(() => undefined);
  await written;
  expect(here().inFlight).toHaveLength(1);
  client.abort();
  await eventually(() => expect(abort.mock.calls.some(([reason]) => reason instanceof ClientGone)).toBe(true));
  goOn();
  expect(await explained()).toMatchObject({ outcome: 'cancelled', tiers: [{ model: PAID, attempt: notMade }] });
  expect(here()).toEqual(NOTHING);
});

it('makes no call when the emergency latch is set while its hold is written', async () => {
  const { written, goOn } = holdUp();
  const asked = world.post(hello(PAID));
  await written;
  await world.watchdog.setLatch(true);
  await eventually(() => expect(world.gateway.app.get(Latch).isSet).toBe(true));
  goOn();
  expect((await asked).status).toBe(403);
  expect(await explained()).toMatchObject({ outcome: 'emergency', tiers: [{ model: PAID, attempt: notMade }] });
  expect(here()).toEqual(NOTHING);
});

it('makes no call when it is no longer known, once its hold is written, whether the latch is set', async () => {
  const { written, goOn } = holdUp();
  const asked = world.post(hello(PAID));
  await written;
  jest.spyOn(Latch.prototype, 'isStale', 'get').mockReturnValue(true);
  goOn();
  expect((await asked).status).toBe(503);
  expect(await explained()).toMatchObject({
    outcome: 'no_tier',
    tiers: [{ model: PAID, why: 'latch_unknown', attempt: notMade }],
  });
  expect(here()).toEqual(NOTHING);
});

it('holds nothing for a call that could not be made ready', async () => {
  const { via } = ChatModelCall.prototype;
  jest.spyOn(ChatModelCall.prototype, 'via').mockImplementation(function (this: ChatModelCall, ...args) {
    const to = () => {
      throw new Error('no way');
    };
    return { ...via.apply(this, args), to };
  });
  expect((await world.post(hello(PAID))).status).toBe(500);
  expect(here()).toEqual(NOTHING);
});
