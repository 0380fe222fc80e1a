import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUsd } from '@purser/money';
import { ComputePricesFile, computePricesFileSchema, loadComputePrices } from './compute-prices-file.js';
import { priceWarnings } from './price-warnings.js';
import { Prices } from './prices.js';

const config = join(__dirname, '../../../../config');

const warned: unknown[] = [];
const log = { warn: (fields: object) => void warned.push(fields) };
const pricesOf = (file: object) =>
  new Prices(ComputePricesFile.parse({ source: 'a list', asOf: '2026-11-01', ...file }), log);

beforeEach(() => {
  warned.length = 0;
});

describe('the file that comes with Purser', () => {
  it('is described by its schema', async () => {
    const kept: unknown = JSON.parse(await readFile(join(config, 'schemas/compute-prices.schema.json'), 'utf8'));
    // Stale? node apps/offload-manager/dist/prices/write-schema.js config/schemas/compute-prices.schema.json
    expect(kept).toEqual(JSON.parse(JSON.stringify(computePricesFileSchema())));
  });

  it('prices the machine that is standard, with its disk, and takes nothing for one’s own', async () => {
    const prices = new Prices(await loadComputePrices(config), log);
    for (const spot of [true, false])
      expect(prices.rateFor('gcp', 'e2-highmem-4', spot, 'us-central1-a')?.nanoPerHour).toBeGreaterThan(0n);
    expect(prices.diskRateFor('gcp', 'us-central1-a')?.nanoPerGbHour).toBeGreaterThan(0n);
    expect(prices.rateFor('docker', 'anything', true, 'local')?.nanoPerHour).toBe(0n);
    expect(prices.diskRateFor('docker', undefined)?.nanoPerGbHour).toBe(0n);
    expect(warned).toEqual([]);
  });

  it('has no spot price above the regular one, and each machine of a region once', async () => {
    const file = await loadComputePrices(config);
    const machines = file?.machines ?? [];
    for (const { spotUsdPerHour, regularUsdPerHour, machineType } of machines)
      expect([machineType, parseUsd(spotUsdPerHour) <= parseUsd(regularUsdPerHour)]).toEqual([machineType, true]);
    const keys = machines.map(({ provider, region, machineType }) => `${provider} ${region} ${machineType}`);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

const machine = { provider: 'gcp', machineType: 'e2-small', regularUsdPerHour: '0.017', spotUsdPerHour: '0.005' };

it('charges by the hour what a row says', () => {
  const prices = pricesOf({ machines: [machine] });
  expect(prices.rateFor('gcp', 'e2-small', false, 'us-central1-a')).toEqual({
    nanoPerHour: 17_000_000n,
    row: 'compute-prices.json:gcp/e2-small:regular@2026-11-01',
  });
  expect(prices.rateFor('gcp', 'e2-small', true, undefined)?.nanoPerHour).toBe(5_000_000n);
});

it('charges a disk by its month of 730 hours', () => {
  const prices = pricesOf({ disks: [{ provider: 'gcp', usdPerGbMonth: '0.1' }] });
  expect(prices.diskRateFor('gcp', 'us-central1-a')).toMatchObject({ nanoPerGbHour: 136_987n });
});

it('knows regions apart, and takes the dearest as long as it is not known which', () => {
  const there = { ...machine, region: 'europe-west1', regularUsdPerHour: '0.02' };
  const prices = pricesOf({ machines: [{ ...machine, region: 'us-central1' }, there] });
  const perHour = (zone?: string) => prices.rateFor('gcp', 'e2-small', false, zone)?.nanoPerHour;
  expect(perHour('us-central1-a')).toBe(17_000_000n);
  expect(perHour('europe-west1-b')).toBe(20_000_000n);
  expect(perHour()).toBe(20_000_000n);
  expect(perHour('europe-west10-a')).toBeUndefined();
});

it('takes the row of all machines into account as long as a region may have no other', () => {
  const any = { ...machine, machineType: '*', regularUsdPerHour: '0.5' };
  const prices = pricesOf({ machines: [{ ...machine, region: 'us-central1' }, any] });
  const perHour = (zone?: string) => prices.rateFor('gcp', 'e2-small', false, zone)?.nanoPerHour;
  expect([perHour('us-central1-a'), perHour('europe-west1-b'), perHour()]).toEqual([
    17_000_000n,
    500_000_000n,
    500_000_000n,
  ]);
  expect(pricesOf({ machines: [machine, any] }).rateFor('gcp', 'e2-small', false, undefined)?.nanoPerHour).toBe(
    17_000_000n,
  );
});

it('takes a region’s own row before one of every region', () => {
  const there = { ...machine, region: 'europe-west1', regularUsdPerHour: '0.01' };
  const prices = pricesOf({ machines: [machine, there] });
  expect(prices.rateFor('gcp', 'e2-small', false, 'europe-west1-b')?.nanoPerHour).toBe(10_000_000n);
  expect(prices.rateFor('gcp', 'e2-small', false, 'us-central1-a')?.nanoPerHour).toBe(17_000_000n);
});

it('knows which machines have a price anywhere', () => {
  const prices = pricesOf({ machines: [machine, { ...machine, provider: 'docker', machineType: '*' }] });
  const known = (['gcp e2-small', 'gcp a2-highgpu-1g', 'docker docker-2g'] as const).filter((one) => {
    const [provider = '', machineType = ''] = one.split(' ');
    return prices.knows(provider, machineType);
  });
  expect(known).toEqual(['gcp e2-small', 'docker docker-2g']);
  expect(warned).toEqual([]);
});

it('tells once of what it has no price for', () => {
  const prices = pricesOf({ machines: [machine] });
  for (let i = 0; i < 3; i++) expect(prices.rateFor('gcp', 'x9-huge', true, 'us-central1-a')).toBeUndefined();
  expect(warned).toEqual([{ what: 'gcp/x9-huge in us-central1-a' }]);
  expect(new Prices(undefined, log).diskRateFor('gcp', undefined)).toBeUndefined();
});

it('tells what traffic costs, and nothing where that is not known', () => {
  const prices = pricesOf({ egress: [{ provider: 'gcp', usdPerGb: '0.12' }] });
  expect(prices.egressRateFor('gcp', 'us-central1-a')?.nanoPerGb).toBe(120_000_000n);
  expect(prices.egressRateFor('docker', undefined)).toBeUndefined();
});

it.each([
  ['0.005', '0.017', []],
  ['0.006', '0.017', []],
  ['0.0061', '0.017', ['SPOT_VM_HOURLY_COST']],
  ['0.004', '0.5', ['SPOT_VM_HOURLY_COST', 'REGULAR_VM_HOURLY_COST']],
])('warns where settings of %s and %s are more than a fifth away from the rows', (spot, regular, expected) => {
  const settings = {
    GCP_REGION: 'us-central1',
    GCP_ZONE: 'us-central1-a',
    GCP_VM_TYPE: 'e2-small',
    SPOT_VM_HOURLY_COST: spot,
    REGULAR_VM_HOURLY_COST: regular,
  };
  const warnings = priceWarnings(pricesOf({ machines: [machine] }), settings);
  expect(warnings.map(({ fields }) => (fields as { setting: string }).setting)).toEqual(expected);
});

it('compares the settings with the rows of the region that was set, not with those of the standard zone', () => {
  const settings = {
    GCP_REGION: 'europe-west1',
    GCP_ZONE: 'us-central1-a',
    GCP_VM_TYPE: 'e2-small',
    SPOT_VM_HOURLY_COST: '0.1',
    REGULAR_VM_HOURLY_COST: '0.3',
  };
  const there = { ...machine, region: 'europe-west1', spotUsdPerHour: '0.1', regularUsdPerHour: '0.3' };
  const prices = pricesOf({ machines: [{ ...machine, region: 'us-central1' }, there] });
  expect(priceWarnings(prices, settings)).toEqual([]);
  expect(priceWarnings(prices, { ...settings, GCP_REGION: 'us-central1' })).toHaveLength(2);
});

describe('a file that somebody wrote', () => {
  let folder: string;
  const write = (text: string) => writeFile(join(folder, 'compute-prices.json'), text);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'purser-prices-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('may not be there', async () => {
    expect(await loadComputePrices(join(folder, 'nowhere'))).toBeUndefined();
  });

  it('is refused with the field that is wrong', async () => {
    await write('{');
    await expect(loadComputePrices(folder)).rejects.toThrow(/compute-prices\.json: /);
    await write(JSON.stringify({ source: 'x', asOf: '2026-11-01', machines: [{ ...machine, spotUsdPerHour: 0.005 }] }));
    await expect(loadComputePrices(folder)).rejects.toThrow(/spotUsdPerHour/);
    await write(JSON.stringify({ machines: [] }));
    await expect(loadComputePrices(folder)).rejects.toThrow(/source/);
  });
});
