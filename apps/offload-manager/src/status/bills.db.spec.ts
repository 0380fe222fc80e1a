import type { Database } from '@purser/database';
import { NANO_PER_USD } from '@purser/money';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { DeskFake, HandClock, OFFLOAD_TEMPLATE, openManager, openOffload, WISH } from '../manager.fixture.js';
import { VmRates } from '../money/vm-rates.js';
import { NO_PRICES, type VmPrices } from '../money/vm-prices.js';
import { ScriptedPlatform } from '../scripted-platform.fixture.js';
import { VmsService } from '../vms/vms.service.js';
import { BillsRepository } from './bills.repository.js';
import { vmCosts } from './vm-costs.js';

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

it('say what a regular machine had cost by the prices of then, also when they change', async () => {
  const perHour = { spot: 20_000_000n, regular: 100_000_000n };
  const prices: VmPrices = {
    ...NO_PRICES,
    rateFor: (_provider, _type, spot) => ({ nanoPerHour: spot ? perHour.spot : perHour.regular, row: 'a spec' }),
    diskRateFor: () => ({ nanoPerGbHour: 0n, row: 'a spec' }),
    egressRateFor: () => ({ nanoPerGb: 0n, row: 'a spec' }),
  };
  const clock = new HandClock();
  const platform = new ScriptedPlatform(clock);
  const desk = new DeskFake(NANO_PER_USD);
  const manager = await openManager({ database, clock, desk, prices, drivers: (crash) => [platform.driver(crash)] });
  const { id } = await manager.get(VmsService).request(WISH);
  await manager.rounds(30, 60_000);
  await manager.get(VmsService).remove(id, 'no longer needed');
  await manager.rounds(4, 5_000);
  const bills = new BillsRepository(database, manager.get(VmRates));
  const costs = async () => vmCosts(await bills.since(new Date(0)), clock.now());
  const { total, savings } = await costs();
  expect(total).toBeGreaterThan(9_000_000n);
  // Each minute is rounded up by itself.
  expect(Number(savings) / Number(total)).toBeCloseTo(4, 3);
  perHour.regular = 500_000_000n;
  expect((await costs()).savings).toBe(savings);
  await manager.close();
});
