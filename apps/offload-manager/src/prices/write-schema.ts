import { writeFileSync } from 'node:fs';
import { computePricesFileSchema } from './compute-prices-file.js';

// Run after a change of the file's shape, from the root of the repository, then format:
// node apps/offload-manager/dist/prices/write-schema.js config/schemas/compute-prices.schema.json
const [target] = process.argv.slice(2);
if (target === undefined) throw new Error('say where to write the schema');
writeFileSync(target, `${JSON.stringify(computePricesFileSchema(), null, 2)}\n`);
