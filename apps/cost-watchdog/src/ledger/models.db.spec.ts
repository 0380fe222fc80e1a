import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { LedgerService } from './ledger.service.js';
import { newSpend } from './new-spend.fixture.js';

jest.setTimeout(60_000);

let database: TestDatabase;
let watchdog: TestWatchdog;

beforeAll(async () => {
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, new HandClock(new Date('2026-11-23T10:00:00Z')));
});
afterAll(async () => {
  await watchdog.close();
  await database.drop();
});

it('adds up what tasks spent at each model, attempts of one call as one request', async () => {
  const ledger = watchdog.get(LedgerService);
  const usageAt = '2026-11-23T09:59:00Z';
  await ledger.record([
    newSpend({ task: 'a', callId: 'c1', outcome: 'failed', amountUsd: '0', outputTokens: 0, latencyMs: 20, usageAt }),
    newSpend({ task: 'a', callId: 'c1', amountUsd: '0.30', latencyMs: 100, usageAt }),
    newSpend({ task: 'a', callId: 'c2', amountUsd: '0.10', latencyMs: 50, usageAt }),
    newSpend({ task: 'a', provider: 'ollama', model: 'free', amountUsd: '0', latencyMs: 7, usageAt }),
    newSpend({ task: 'b', amountUsd: '0.01', usageAt }),
    newSpend({ task: 'c', amountUsd: '5', usageAt }),
  ]);
  const { sums } = await ledger.models({ tasks: ['a', 'b', 'nobody'] });
  expect(sums).toEqual([
    {
      task: 'a',
      provider: 'openai',
      model: 'gpt-test',
      amountUsd: '0.40',
      inputTokens: 300,
      outputTokens: 40,
      requests: 2,
      latencyMs: 170,
    },
    {
      task: 'a',
      provider: 'ollama',
      model: 'free',
      amountUsd: '0.00',
      inputTokens: 100,
      outputTokens: 20,
      requests: 1,
      latencyMs: 7,
    },
    {
      task: 'b',
      provider: 'openai',
      model: 'gpt-test',
      amountUsd: '0.01',
      inputTokens: 100,
      outputTokens: 20,
      requests: 1,
      latencyMs: 5,
    },
  ]);
});
