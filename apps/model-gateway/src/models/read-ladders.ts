import { join } from 'node:path';
import { PurserError } from '@purser/contracts';
import type { PriceTable } from '../prices/price-table.js';
import { DEFAULT_MODELS } from './default-models.js';
import { Ladders } from './ladders.js';
import { type ModelsFile, readModelsFile, readStrategySetting } from './models-file.js';
import type { StrategySetting } from './strategies.js';

/** The ladders of `config/models.json`; without that file, those that Purser comes with. */
export async function readLadders(configDir: string, prices?: PriceTable): Promise<Ladders> {
  const source = join(configDir, 'models.json');
  const models = (await readModelsFile(source)) ?? DEFAULT_MODELS;
  const strategy = await readStrategySetting(source);
  refuseUnknown(models, strategy, source);
  return Ladders.from(models, { source, strategy, ...(prices ? { prices } : {}) });
}

function refuseUnknown(models: ModelsFile, strategy: StrategySetting | undefined, source: string): void {
  if (typeof strategy !== 'object') return;
  const unknown = Object.keys(strategy).find((name) => name !== 'default' && !Object.hasOwn(models, name));
  if (unknown === undefined) return;
  const known = ['default', ...Object.keys(models)].join(', ');
  const issue = { field: `$strategy.${unknown}`, problem: `there is no such capability; there are: ${known}` };
  throw new PurserError('invalid_request', {
    message: `${source}: ${issue.field}: ${issue.problem}`,
    details: { issues: [issue] },
  });
}
