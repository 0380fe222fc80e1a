import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type BooksRow, costSourceChecks } from '@purser/plugin-sdk/testing';
import { FileCostsConfig } from './config.js';
import { FileCostsSource } from './file-costs.source.js';

const PERIOD = { from: new Date('2026-11-01'), to: new Date('2026-11-08') };
const HEAD =
  'BillingAccountId,BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ServiceName,ProviderName,SubAccountName';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'purser-exports-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

let written = 0;
/** Each with a time of its own: a file system may keep whole seconds alone. */
async function put(name: string, content: string | Buffer): Promise<void> {
  const path = join(folder, name);
  await writeFile(path, content);
  written += 1;
  await utimes(path, written, written);
}
const source = (config: object = {}) =>
  new FileCostsSource(FileCostsConfig.parse({ path: folder, provider: 'azure', ...config }));
async function told(reader: FileCostsSource): Promise<string[]> {
  const { costs } = await reader.read(PERIOD, { signal: new AbortController().signal });
  return costs.map(({ from, to, service, project, amountUsd }) =>
    [from.toISOString().slice(0, 10), to.toISOString().slice(0, 10), service, project, amountUsd].join(' '),
  );
}

describe('the conformance checks', () => {
  const focus = (rows: readonly BooksRow[], currency: string) =>
    rows.map(({ day, service, amountUsd }) => {
      const end = new Date(Date.parse(day) + 86_400_000).toISOString();
      return `a,${amountUsd},${currency},${day}T00:00:00Z,${end},${service},Microsoft,`;
    });
  const checks = costSourceChecks({
    open: () => {
      let rows: readonly BooksRow[] = [];
      const write = (currency: string) => put('export.csv', `${HEAD}\n${focus(rows, currency).join('\n')}\n`);
      return Promise.resolve({
        source: source(),
        close: () => Promise.resolve(),
        books: {
          write: (given) => {
            rows = given;
            return write('USD');
          },
          inCurrency: write,
          refuse: () => rm(join(folder, 'export.csv')),
        },
      });
    },
  });
  for (const { name, run } of checks) it(name, run);
});

it('adds up FOCUS rows of resources and hours to days, exactly', async () => {
  await put(
    'export.csv',
    [
      HEAD,
      'a,0.1,USD,2026-11-03T00:00:00Z,2026-11-03T01:00:00Z,"Compute, all",Microsoft,alpha',
      'a,0.2,USD,2026-11-03 23:00:00 UTC,2026-11-04 00:00:00 UTC,"Compute, all",Microsoft,alpha',
      'a,1E-12,USD,2026-11-03T12:00:00+01:00,2026-11-03T13:00:00+01:00,"Compute, all",Microsoft,beta',
      'a,-3,USD,2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,Credits,Microsoft,',
      'a,9,USD,2026-11-03T00:00:00Z,2026-11-04T00:00:00Z,"Com""pute",Other,',
      '',
    ].join('\r\n'),
  );
  expect(await told(source({ only: 'Microsoft', projectColumn: 'SubAccountName' }))).toEqual([
    '2026-11-03 2026-11-04 Compute, all alpha 0.3',
    '2026-11-03 2026-11-04 Compute, all beta 0.000000000001',
    '2026-11-01 2026-12-01 Credits  -3',
  ]);
});

it('reads any CSV whose columns are named', async () => {
  const columns = { from: 'Date', amount: 'Cost', service: 'Product', project: 'Team' };
  await put('costs.csv', '\uFEFFDate;Product;Cost;Team\n2026-11-05;disks;4.50;infra\n2026-11-05;disks;0.25;infra\n');
  const reader = source({ columns, currency: 'USD', delimiter: ';' });
  expect(await told(reader)).toEqual(['2026-11-05 2026-11-06 disks infra 4.75']);
  expect(FileCostsConfig.safeParse({ path: folder, provider: 'p', columns }).error?.issues[0]?.path).toEqual([
    'currency',
  ]);
});

it('reads all files of a folder, packed ones too, and sees when one changes, comes or goes', async () => {
  const row = (amount: string, service: string) => `a,${amount},USD,2026-11-03,2026-11-04,${service},M,\n`;
  await mkdir(join(folder, 'november'));
  await put('november/a.csv.gz', gzipSync(`${HEAD}\n${row('1', 'x')}`));
  await put('b.csv', `${HEAD}\n${row('2', 'y')}`);
  await put('readme.txt', 'not costs');
  const reader = source();
  expect(await told(reader)).toEqual(['2026-11-03 2026-11-04 y  2', '2026-11-03 2026-11-04 x  1']);
  await put('b.csv', `${HEAD}\n${row('3', 'y')}`);
  await put('c.csv', `${HEAD}\n${row('4', 'z')}`);
  expect(await told(reader)).toHaveLength(3);
  await rm(join(folder, 'b.csv'));
  expect(await told(reader)).toEqual(['2026-11-03 2026-11-04 z  4', '2026-11-03 2026-11-04 x  1']);
});

it.each([
  ['a row that is cut off', `${HEAD}\na,1,USD,2026-11-03T00`, 'export.csv: line 2 has 4 columns instead of 8'],
  ['a file that ends within quotes', `${HEAD}\na,1,USD,"2026`, 'line 2: the file ends within quotes'],
  [
    'a missing column',
    'Cost,Day\n1,2026-11-03\n',
    'there is no column ChargePeriodStart, BillingCurrency, ServiceName, BilledCost',
  ],
  ['no amount', `${HEAD}\na,,USD,2026-11-03,2026-11-04,s,M,\n`, 'line 2: "" is not an amount'],
  ['a number as in Europe', `${HEAD}\na,"1,5",USD,2026-11-03,2026-11-04,s,M,\n`, '"1,5" is not an amount'],
  ['a day of unknown order', `${HEAD}\na,1,USD,03/11/2026,,s,M,\n`, '"03/11/2026" is not a day'],
  ['no currency', `${HEAD}\na,1,,2026-11-03,2026-11-04,s,M,\n`, 'a currency that is not told'],
  ['an empty file', '', 'the file is empty'],
])('refuses %s, and tells no rows of the other files either', async (_what, content, message) => {
  await put('a.csv', `${HEAD}\na,1,USD,2026-11-03,2026-11-04,s,M,\n`);
  await put('export.csv', content);
  await expect(told(source())).rejects.toThrow(message);
});

it('says so when there is nothing to read', async () => {
  await expect(told(source())).rejects.toThrow(`there is no .csv or .csv.gz in ${folder}`);
  await expect(told(source({ path: join(folder, 'none.csv') }))).rejects.toThrow('put the export there');
});
