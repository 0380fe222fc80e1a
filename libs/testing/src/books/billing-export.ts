/** A row of Google Cloud's billing export, standard or detailed, as far as costs go. */
export interface ExportRow {
  /** RFC 3339, UTC. */
  usageStart: string;
  service: string;
  sku?: string;
  project?: string | null;
  /** Decimals in `currency`. */
  cost: string;
  credits?: string[];
  currency?: string;
  /** How much of `currency` a US dollar is; Google writes 1 beside dollars. */
  rate?: string | null;
}

const SCALE = 18;
const scaled = (decimal: string): bigint => {
  const [whole = '', fraction = ''] = decimal.replace('-', '').split('.');
  const value = BigInt(whole + fraction.padEnd(SCALE, '0').slice(0, SCALE));
  return decimal.startsWith('-') ? -value : value;
};
const written = (value: bigint): string => {
  const digits = (value < 0n ? -value : value).toString().padStart(SCALE + 1, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -SCALE)}.${digits.slice(-SCALE)}`;
};

interface Group {
  day: string;
  service: string;
  sku: string;
  project: string | null;
  currency: string;
  sum: bigint;
  left: number;
}

/** What the question for costs by day, service, SKU and project is answered with. */
export function answerOf(
  rows: readonly ExportRow[],
  { from = '', to = '' }: Record<string, string>,
): Record<string, string | null>[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const { usageStart, service, sku = `${service} SKU`, project = 'demo', cost, credits = [] } = row;
    const { currency = 'USD', rate = '1' } = row;
    const at = Date.parse(usageStart);
    if (at < Date.parse(from) || at >= Date.parse(to)) continue;
    const day = usageStart.slice(0, 10);
    const key = JSON.stringify([day, service, sku, project, currency]);
    const group = groups.get(key) ?? { day, service, sku, project, currency, sum: 0n, left: 0 };
    const net = credits.reduce((sum, credit) => sum + scaled(credit), scaled(cost));
    const divisor = currency === 'USD' ? scaled('1') : scaled(rate ?? '0');
    if (divisor > 0n) group.sum += (net * 10n ** BigInt(SCALE)) / divisor;
    else group.left += 1;
    groups.set(key, group);
  }
  return [...groups.values()].map(({ sum, left, service, sku, project, ...group }) => ({
    ...group,
    service_id: `id of ${service}`,
    service_name: service,
    project_id: project,
    sku_id: `id of ${sku}`,
    usd: written(sum),
    unconvertible: String(left),
  }));
}
