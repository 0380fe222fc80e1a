import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alertsFileSchema } from './alerts/alerts-file.js';
import { budgetsFileSchema } from './budgets/budgets-file.js';

// Run after a change of a file's shape, from the root of the repository, then format:
// node apps/cost-watchdog/dist/write-schema.js config/schemas
const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('say into which folder the schemas go');
mkdirSync(folder, { recursive: true });
const schemas = { alerts: alertsFileSchema(), budgets: budgetsFileSchema() };
for (const [name, schema] of Object.entries(schemas))
  writeFileSync(join(folder, `${name}.schema.json`), `${JSON.stringify(schema, null, 2)}\n`);
