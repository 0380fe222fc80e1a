import type { Database } from '@purser/database';
import type { Log, Outbox } from '@purser/service';
import { eventually } from '@purser/testing';
import type { Nudge } from '../work/nudge.js';
import type { AdmissionRepository } from './admission.repository.js';
import { Admission } from './admission.service.js';
import type { BudgetSight } from './budget-sight.js';

it('warns of an outage once, and again of the next one, also when nothing waits in between', async () => {
  let looks = 0;
  let away = true;
  const page = (): Promise<never[]> => {
    looks += 1;
    return away ? Promise.reject(new Error('no database')) : Promise.resolve([]);
  };
  const warned: string[] = [];
  const log = { warn: (_: object, message: string) => warned.push(message), debug() {} } as unknown as Log;
  const admission = new Admission(
    {} as Database,
    { page } as unknown as AdmissionRepository,
    {} as BudgetSight,
    {} as Outbox,
    {} as Nudge,
    log,
  );
  const look = async (): Promise<void> => {
    const before = looks;
    admission.lookSoon();
    await eventually(() => expect(looks).toBeGreaterThan(before));
  };
  await look();
  await look();
  expect(warned).toHaveLength(1);
  away = false;
  await look();
  away = true;
  await look();
  await admission.onModuleDestroy();
  expect(warned).toEqual(Array(2).fill('tasks that wait for their budgets could not be looked at'));
});
