import { join } from 'node:path';
import { PriceTable } from './price-table.js';
import { INSTALLED_PRICES, readPricesFile } from './prices-file.js';

/**
 * The table that Purser brings, and over it `prices.json` of the configuration folder.
 * @throws PurserError `invalid_request` when either cannot be used
 */
export async function readPriceTable(configDir: string): Promise<PriceTable> {
  const [installed, own] = await Promise.all([INSTALLED_PRICES, join(configDir, 'prices.json')].map(readPricesFile));
  return new PriceTable(installed, own);
}
