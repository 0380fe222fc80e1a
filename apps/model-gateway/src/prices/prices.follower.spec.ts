import { Log } from '@purser/service';
import { Ladders } from '../models/ladders.js';
import { ModelsFile } from '../models/models-file.js';
import { PriceTable, type SetPrice } from './price-table.js';
import { PriceWarnings } from './price-warnings.js';
import { PricesFollower } from './prices.follower.js';
import type { PricesRepository } from './prices.repository.js';

const row = (usd: string) => ({
  inputPerMillionUsd: usd,
  outputPerMillionUsd: usd,
  source: 'spec',
  date: '2026-11-01',
});

class Told extends Log {
  readonly warnings: string[] = [];
  warn({ warning }: { warning: string }): void {
    this.warnings.push(warning);
  }
  debug(): void {}
  info(): void {}
  error(): void {}
  child(): Log {
    return this;
  }
}

it('warns at the start of what models.json has mistyped, later of what is set, and of each once', async () => {
  const stored: SetPrice[] = [];
  const repository = {
    version: () => Promise.resolve(BigInt(stored.length)),
    current: () => Promise.resolve({ prices: stored, unreadable: [] }),
  } as unknown as PricesRepository;
  const table = new PriceTable({ 'openai/m': row('2'), 'openai/n': row('2') });
  const file = { c: { tier_1_paid: { provider: 'openai', model: 'm', cost_per_1k_tokens: 2 } } };
  const ladders = Ladders.from(ModelsFile.parse(file), { prices: table });
  const log = new Told();
  const follower = new PricesFollower(repository, table, ladders, new PriceWarnings(table, ladders), log);

  await follower.onApplicationBootstrap();
  follower.onModuleDestroy();
  const atStart = [...log.warnings];
  expect(atStart).toHaveLength(2);
  expect(atStart[0]).toMatch(
    /^models\.json:c\.tier_1_paid says \$2000\.00 .* says \$2\.00\. That is 1,000 times more\./,
  );

  stored.push({ model: 'openai/n', row: row('0.002'), setBy: 'ada', setAt: '2026-11-28T10:00:00.000Z', reason: '' });
  await follower.refresh();
  await follower.refresh();
  expect(log.warnings.slice(2).map((warning) => warning.split(' says ')[0])).toEqual([
    'set:openai/n@2026-11-28T10:00:00.000Z',
    'set:openai/n@2026-11-28T10:00:00.000Z',
  ]);
});
