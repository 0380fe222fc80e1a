import { writeFileSync } from 'node:fs';
import { componentsFileSchema } from './components/components-file.js';

// Run after a change of the file's shape, from the root of the repository, then format:
// node apps/offload-manager/dist/write-schema.js config/schemas/components.schema.json
const [target] = process.argv.slice(2);
if (target === undefined) throw new Error('say where to write the schema');
writeFileSync(target, `${JSON.stringify(componentsFileSchema(), null, 2)}\n`);
