import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invalidRequest, PurserError } from '@purser/contracts';
import { z } from 'zod';

const usd = z
  .string()
  .regex(/^\d{1,6}(\.\d{1,9})?$/, 'US dollars as a decimal string, such as "0.1808"')
  .describe('US dollars');
const name = z.string().regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, 'small letters, digits and "-"');
const provider = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'a provider as the ledger names it, such as "gcp"')
  .describe('As the ledger names it');
const region = name.optional().describe('Every region when left out');

const MachineRow = z.strictObject({
  provider,
  region,
  machineType: name.or(z.literal('*')).describe('"*" for all that have no row'),
  regularUsdPerHour: usd,
  spotUsdPerHour: usd,
});

const DiskRow = z.strictObject({
  provider,
  region,
  type: name.optional().describe('For people: the first row of a region counts'),
  usdPerGbMonth: usd.describe('US dollars for a GB over a month of 730 hours'),
});

const EgressRow = z.strictObject({ provider, region, usdPerGb: usd });

/** `config/compute-prices.json`: what VMs cost, from where that is known and since when. */
export const ComputePricesFile = z.strictObject({
  $schema: z.string().optional(),
  source: z.string().min(1).describe('Where the prices were read'),
  asOf: z.iso.date().describe('The day on which they were read'),
  note: z.string().optional(),
  machines: z.array(MachineRow).max(10_000).default([]),
  disks: z.array(DiskRow).max(1_000).default([]),
  egress: z.array(EgressRow).max(1_000).default([]),
});
export type ComputePricesFile = z.output<typeof ComputePricesFile>;

/** JSON Schema of it, for editors. */
export const computePricesFileSchema = (): Record<string, unknown> => ({
  ...z.toJSONSchema(ComputePricesFile, { io: 'input' }),
  title: 'What VMs, their disks and their traffic cost',
});

/**
 * Undefined when there is none.
 * @throws PurserError `invalid_request` with the row and field when it cannot be used
 */
export async function loadComputePrices(configDir: string): Promise<ComputePricesFile | undefined> {
  const file = join(configDir, 'compute-prices.json');
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new PurserError('invalid_request', { message: `${file}: ${(cause as Error).message}`, cause });
  }
  const parsed = ComputePricesFile.safeParse(json);
  if (!parsed.success) throw invalidRequest(file, parsed.error);
  return parsed.data;
}
