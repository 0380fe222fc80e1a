// Writes docs/openapi.json, docs/openapi-gateway.json, docs/asyncapi.json and docs/errors.md from the contracts. After `tsc -b`: node docs/generate.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asyncApi, CONTRACTS, errorsPage, gatewayOpenApi, openApi, OPERATIONS } from '@purser/contracts';
import { format, resolveConfig } from 'prettier';

const folder = import.meta.dirname;
const { version } = JSON.parse(readFileSync(join(folder, '..', 'package.json'), 'utf8'));

async function write(name, text) {
  const file = join(folder, name);
  writeFileSync(file, await format(text, { ...(await resolveConfig(file)), filepath: file }));
}

await write('openapi.json', JSON.stringify(openApi(OPERATIONS, version)));
await write('openapi-gateway.json', JSON.stringify(gatewayOpenApi(version)));
await write('asyncapi.json', JSON.stringify(asyncApi(CONTRACTS, version)));
await write('errors.md', errorsPage());
