import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { budgetsFileSchema } from './budgets/budgets-file.js';

// Run after a change of the file's shape, from the root of the repository, then format:
// node apps/cost-watchdog/dist/write-schema.js config/schemas/budgets.schema.json
const [target] = process.argv.slice(2);
if (target === undefined) throw new Error('say where to write the schema');
mkdirSync(dirname(target), { recursive: true });
writeFileSync(target, `${JSON.stringify(budgetsFileSchema(), null, 2)}\n`);
