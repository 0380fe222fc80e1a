import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CONTRACTS, OPERATIONS } from '../index.js';
import { asyncApi } from './asyncapi.js';
import { errorsPage } from './errors-page.js';
import { gatewayOpenApi } from './gateway-openapi.js';
import { openApi } from './openapi.js';

const docs = join(__dirname, '..', '..', '..', '..', 'docs');
const read = (name: string) => readFile(join(docs, name), 'utf8');
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
/** Prettier pads the cells of a table. */
const unpadded = (markdown: string) => markdown.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---');

/** When one of these fails: `npm run build && node docs/generate.mjs`. */
describe('the generated pages are those of the contracts', () => {
  let version: string;

  beforeAll(async () => {
    ({ version } = JSON.parse(await read('../package.json')) as { version: string });
  });

  it('docs/openapi.json', async () => {
    expect(JSON.parse(await read('openapi.json'))).toEqual(asJson(openApi(OPERATIONS, version)));
  });

  it('docs/openapi-gateway.json', async () => {
    expect(JSON.parse(await read('openapi-gateway.json'))).toEqual(asJson(gatewayOpenApi(version)));
  });

  it('docs/asyncapi.json', async () => {
    expect(JSON.parse(await read('asyncapi.json'))).toEqual(asJson(asyncApi(CONTRACTS, version)));
  });

  it('docs/errors.md', async () => {
    expect(unpadded(await read('errors.md'))).toBe(unpadded(errorsPage()));
  });
});
