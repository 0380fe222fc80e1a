import { writeFileSync } from 'node:fs';
import { emergencyFileSchema } from './emergency-file.js';

// Run after a change of the file's shape, from the root of the repository, then format:
// node apps/cost-watchdog/dist/shutdown/write-schema.js config/schemas/emergency.schema.json
const [target] = process.argv.slice(2);
if (target === undefined) throw new Error('say where to write the schema');
writeFileSync(target, `${JSON.stringify(emergencyFileSchema(), null, 2)}\n`);
