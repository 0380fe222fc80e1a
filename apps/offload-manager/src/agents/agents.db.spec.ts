import type { VmHeartbeat } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createLog } from '@purser/service';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { HandClock, OFFLOAD_TEMPLATE, openOffload } from '../manager.fixture.js';
import type { VmLife, VmSeen } from '../moving/vm-life.js';
import { TrafficRepository } from '../money/traffic.repository.js';
import { AgentsRepository } from './agents.repository.js';
import { AgentsService } from './agents.service.js';

let test: TestDatabase;
let database: Database;

beforeAll(async () => {
  test = await createTestDatabase({ template: OFFLOAD_TEMPLATE });
  database = await openOffload(test.url);
}, 60_000);

afterAll(async () => {
  await database?.close();
  await test?.drop();
});

it('tells of a preemption again and again, until the VM is no longer ready', async () => {
  const at = '2026-11-29T10:00:30.000Z';
  let state: VmSeen['state'] = 'creating';
  let failing = true;
  const told: Date[] = [];
  const vms = {
    agentHeard: () => Promise.resolve({ id: 'a', component: 'llm', state, reason: '' }),
    preempted: (_id: string, when: Date) => {
      if (failing) return Promise.reject(new Error('the database is away'));
      told.push(when);
      state = 'draining';
      return Promise.resolve();
    },
  } as unknown as VmLife;
  const agents = new AgentsService(
    new AgentsRepository(database),
    new TrafficRepository(database),
    new HandClock(),
    vms,
    { PURSER_OFFLOAD_UNHEALTHY_SECONDS: 60 },
    createLog({ service: 'offload-manager', instance: 'spec', level: 'silent' }),
  );
  const beat: VmHeartbeat = { vm: 'a', component: 'llm', healthy: true, serving: true, inFlight: 0, memoryMb: null };
  await agents.hear({ ...beat, preemption: at });
  expect(told).toEqual([]);
  state = 'ready';
  await expect(agents.hear({ ...beat, preemption: at })).rejects.toThrow('the database is away');
  failing = false;
  for (let i = 0; i < 3; i++) await agents.hear({ ...beat, preemption: at });
  expect(told).toEqual([new Date(at)]);
});
