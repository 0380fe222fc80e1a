import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { labelsFileSchema } from './labels/labels-file.js';

// Run after a change of the file's shape, from the root of the repository, then format:
// node apps/orchestrator/dist/write-schema.js config/schemas
const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('say into which folder the schema goes');
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'labels.schema.json'), `${JSON.stringify(labelsFileSchema(), null, 2)}\n`);
