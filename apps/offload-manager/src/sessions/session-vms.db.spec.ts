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
  const config = { PURSER_VM_AGENT_IMAGE: 'purser:1', ENABLE_COST_OPTIMIZATION: true, GCP_VM_TYPE: 'small' };
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
