import type { Database } from '@purser/database';
import { parseUsd } from '@purser/money';
import type { Log } from '@purser/service';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import type { VmMarket } from '../deciding/ports.js';
import {
  DeskFake,
  HandClock,
  OFFLOAD_TEMPLATE,
  openManager,
  openOffload,
  type TestManager,
} from '../manager.fixture.js';
import { ScriptedPlatform } from '../scripted-platform.fixture.js';
import { VmRules } from '../vms/vm-rules.js';
import { VmsService } from '../vms/vms.service.js';
import { SessionVmsRepository } from './session-vms.repository.js';
import { SessionVms } from './session-vms.service.js';
import { UnkeptVms } from './unkept-vms.service.js';

const WISH = {
  session: 's1',
  task: 't1',
  ancestors: [],
  project: 'lab',
  image: 'python:3',
  memoryMb: 300,
  forMs: 30_000,
};
const OFFER = {
  machineType: 'small',
  memoryMb: 1_024,
  spotPerHour: 1n,
  regularPerHour: 2n,
  spotWorstCase: 1n,
  regularWorstCase: 2n,
};

let test: TestDatabase;
let database: Database;
let clock: HandClock;
let platform: ScriptedPlatform;
let desk: DeskFake;
let manager: TestManager;
let provider: string | null;
let sessions: SessionVms;
let unkept: UnkeptVms;
let config: ConstructorParameters<typeof SessionVms>[4];

beforeEach(async () => {
  test = await createTestDatabase({ template: OFFLOAD_TEMPLATE });
  database = await openOffload(test.url);
  clock = new HandClock();
  platform = new ScriptedPlatform(clock);
  desk = new DeskFake(parseUsd('10'));
  manager = await openManager({ database, clock, drivers: (crash) => [platform.driver(crash)], desk });
  provider = 'fake';
  const market: VmMarket = {
    compute: () => Promise.resolve({ provider, why: 'no compute driver is configured in plugins.json', problem: null }),
    pointless: () => undefined,
    look: () => Promise.resolve({ offers: [OFFER], affordable: undefined, hindrance: undefined, preemptions: 0 }),
  };
  config = {
    PURSER_SESSION_VMS: true,
    PURSER_SESSION_VM_IMAGES: undefined,
    PURSER_VM_AGENT_IMAGE: 'purser:1',
    ENABLE_COST_OPTIMIZATION: true,
    GCP_VM_TYPE: 'small',
  };
  const log = { warn: () => undefined } as unknown as Log;
  const vms = manager.get(VmsService);
  const rows = new SessionVmsRepository(database);
  sessions = new SessionVms(rows, vms, clock, market, config);
  unkept = new UnkeptVms(rows, vms, manager.get(VmRules), clock, log);
});

afterEach(async () => {
  await manager.close();
  await database.close();
  await test.drop();
});

it('gives a session one VM, however often it is asked for', async () => {
  const first = await sessions.place(WISH);
  await manager.rounds(3, 1_000);
  const again = await sessions.place(WISH);
  expect(again).toMatchObject({ id: first.id, component: 'session.s1', state: 'ready', memoryMb: 300 });
  expect((await sessions.place({ ...WISH, session: 's2' })).id).not.toBe(first.id);
  expect(desk.leases.size).toBe(2);
});

it('deletes a VM of whose session nothing is heard, and no other', async () => {
  const kept = await sessions.place(WISH);
  const silent = await sessions.place({ ...WISH, session: 's2' });
  await manager.rounds(3, 1_000);
  clock.advance(20_000);
  expect(await sessions.keep({ session: 's1', vm: kept.id, forMs: 30_000 })).toMatchObject({ state: 'ready' });
  await unkept.look();
  expect(platform.inventory()).toHaveLength(2);
  await manager.round();
  clock.advance(15_000);
  await unkept.look();
  await manager.rounds(3, 1_000);
  expect(platform.inventory()).toMatchObject([{ name: kept.name }]);
  expect(await sessions.keep({ session: 's2', vm: silent.id, forMs: 30_000 })).toEqual({
    state: 'gone',
    made: true,
    reason: 'the runner of its session has given no sign of life',
  });
});

it('calls nobody silent whom it could not have heard', async () => {
  await sessions.place(WISH);
  await manager.rounds(3, 1_000);
  clock.advance(40_000);
  // It did not run for so long.
  await manager.round();
  await unkept.look();
  expect(platform.inventory()).toHaveLength(1);
});

it('deletes it when the session is over, also before it was made', async () => {
  await sessions.place(WISH);
  expect(await sessions.leave({ session: 's1', reason: 'over' })).toEqual({ state: 'gone' });
  await manager.rounds(3, 1_000);
  expect(platform.lives).toEqual([]);
  expect(await sessions.leave({ session: 'unknown', reason: 'over' })).toEqual({ state: null });
});

it('takes no word of one session for the VM of another', async () => {
  const { id } = await sessions.place(WISH);
  await expect(sessions.keep({ session: 's2', vm: id, forMs: 30_000 })).rejects.toMatchObject({ code: 'not_found' });
});

it('says what keeps a session from being placed', async () => {
  await expect(sessions.place({ ...WISH, memoryMb: 2_000 })).rejects.toMatchObject({ code: 'conflict' });
  provider = null;
  await expect(sessions.place(WISH)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('no compute driver is configured') as string,
  });
});

it('makes no VM for a session where nobody has allowed it, or not its image', async () => {
  config.PURSER_SESSION_VM_IMAGES = ['python', 'registry.example.com/agents'];
  for (const image of ['pythonic:3', 'registry.example.com/other:1'])
    await expect(sessions.place({ ...WISH, image })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(`(PURSER_SESSION_VM_IMAGES), which ${image} does not`) as string,
    });
  config.PURSER_SESSION_VMS = false;
  await expect(sessions.place(WISH)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('PURSER_SESSION_VMS is false') as string,
  });
  expect(desk.leases.size).toBe(0);
  config.PURSER_SESSION_VMS = true;
  await sessions.place(WISH);
  // Purser's own image is in nobody's list.
  const { image: _, ...plain } = WISH;
  await sessions.place({ ...plain, session: 's2' });
});

it('asks anew for a session whose request came to nothing, and for none that is over', async () => {
  desk.leases.set('another', { granted: parseUsd('10'), returned: 0n });
  await expect(sessions.place(WISH)).rejects.toMatchObject({ code: 'budget_exhausted' });
  desk.leases.delete('another');
  const { id } = await sessions.place(WISH);
  await manager.rounds(3, 1_000);
  expect(platform.inventory()).toHaveLength(1);
  await sessions.leave({ session: 's1', reason: 'over' });
  await manager.rounds(3, 1_000);
  expect(await sessions.place(WISH)).toMatchObject({ id, state: 'gone' });
  await sessions.place({ ...WISH, session: 's2' });
  await sessions.leave({ session: 's2', reason: 'over before it was made' });
  expect(await sessions.place({ ...WISH, session: 's2' })).toMatchObject({ state: 'gone' });
  await manager.rounds(3, 1_000);
  expect(platform.inventory()).toEqual([]);
});

it('tells where no zone has room as what never was, and asks for it anew', async () => {
  platform.zones = ['zone-a'];
  platform.createFaults = ['stockout'];
  const { id } = await sessions.place(WISH);
  await manager.rounds(3, 1_000);
  expect(await sessions.keep({ session: 's1', vm: id, forMs: 30_000 })).toMatchObject({ state: 'gone', made: false });
  clock.advance(16 * 60_000);
  await manager.round();
  const again = await sessions.place(WISH);
  expect(again.id).not.toBe(id);
  await manager.rounds(3, 1_000);
  expect(await sessions.keep({ session: 's1', vm: again.id, forMs: 30_000 })).toMatchObject({ made: true });
});

it('has a session that asks for it twice at once have one', async () => {
  const [one, other] = await Promise.all([sessions.place(WISH), sessions.place(WISH)]);
  expect(other.id).toBe(one.id);
  await manager.rounds(3, 1_000);
  expect(platform.inventory()).toHaveLength(1);
});

it('keeps it for as long as was asked from when its money is there, and once more when it is asked for again', async () => {
  const grant = desk.grant.bind(desk);
  // For longer than the runner has asked for it to be kept.
  jest.spyOn(DeskFake.prototype, 'grant').mockImplementationOnce(async (...asked) => {
    await manager.rounds(8, 5_000);
    await unkept.look();
    return grant(...asked);
  });
  const { id } = await sessions.place(WISH);
  await manager.rounds(3, 5_000);
  await unkept.look();
  await sessions.place(WISH);
  await manager.rounds(4, 5_000);
  await unkept.look();
  expect(await sessions.keep({ session: 's1', vm: id, forMs: 30_000 })).toMatchObject({ state: 'ready' });
});
