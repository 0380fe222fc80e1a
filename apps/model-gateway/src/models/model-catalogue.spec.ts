import type { PriceRow } from '@purser/contracts';
import { PriceTable } from '../prices/price-table.js';
import { Ladders } from './ladders.js';
import { ModelCatalogue } from './model-catalogue.js';
import { ModelsFile } from './models-file.js';
import type { Providers } from './providers.js';

const row = (contextWindow?: number): PriceRow => ({
  inputPerMillionUsd: '1',
  outputPerMillionUsd: '2',
  source: 'spec',
  date: '2026-11-01',
  ...(contextWindow === undefined ? {} : { contextWindow }),
});

it('tells the window of each model, and the least of a capability when all of its tiers have said', () => {
  const prices = new PriceTable({ 'openai/big': row(400_000), 'openai/small': row(128_000), 'openai/silent': row() });
  const tier = (model: string) => ({ provider: 'openai', model });
  const file = ModelsFile.parse({
    known: { tier_1_paid: tier('big'), tier_2_paid: tier('small') },
    unknown: { tier_1_paid: tier('big'), tier_2_paid: tier('silent') },
  });
  const catalogue = new ModelCatalogue(Ladders.from(file, { prices }), {} as Providers);
  const windows = catalogue.openAiList().data as { id: string; context_window?: number }[];
  expect(windows.map(({ id, context_window: window }) => [id, window])).toEqual([
    ['known', 128_000],
    ['unknown', undefined],
    ['big', 400_000],
    ['small', 128_000],
    ['silent', undefined],
  ]);
});
