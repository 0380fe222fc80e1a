import { join } from 'node:path';
import type { PriceTable } from '../prices/price-table.js';
import { DEFAULT_MODELS } from './default-models.js';
import { Ladders } from './ladders.js';
import { readModelsFile } from './models-file.js';

/** The ladders of `config/models.json`; without that file, those that Purser comes with. */
export async function readLadders(configDir: string, prices?: PriceTable): Promise<Ladders> {
  const file = join(configDir, 'models.json');
  return Ladders.from((await readModelsFile(file)) ?? DEFAULT_MODELS, { source: file, ...(prices ? { prices } : {}) });
}
