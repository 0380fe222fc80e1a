import { plainDecimal, type ReportedCost } from './cost-source.js';

const DAY_MS = 86_400_000;

/** The exact sum of two decimals, of any length. */
export function addDecimals(one: string, other: string): string {
  const scaleOf = (decimal: string) => (decimal.split('.')[1] ?? '').length;
  const [a, b] = [plainDecimal(one), plainDecimal(other)];
  const scale = Math.max(scaleOf(a), scaleOf(b));
  const unscaled = (decimal: string) => BigInt(decimal.replace('.', '') + '0'.repeat(scale - scaleOf(decimal)));
  return plainDecimal(`${unscaled(a) + unscaled(b)}e-${scale}`);
}

/** What costs have in common that are one row of a day. */
export interface CostRow extends Pick<ReportedCost, 'amountUsd' | 'service' | 'model' | 'project' | 'finality'> {
  /** The day's first moment, UTC. */
  day: Date;
  /** Whatever tells it apart from the day's other rows; null where the books leave it out. */
  key: readonly (string | null | undefined)[];
}

/** The id of a row: the same in every reading, and for no other row. */
const idOf = ({ day, key }: CostRow): string =>
  [day.toISOString().slice(0, 10), ...key.map((part) => encodeURIComponent(part ?? ''))].join('/');

/** The rows of a reading. Those that the books split further than we tell them apart are one row, with their sum. */
export class CostRows {
  private readonly rows = new Map<string, ReportedCost>();

  add(row: CostRow): void {
    const id = idOf(row);
    const { day, amountUsd, service, model, project, finality } = row;
    const known = this.rows.get(id);
    this.rows.set(id, {
      id,
      from: day,
      to: new Date(day.getTime() + DAY_MS),
      amountUsd: known === undefined ? amountUsd : addDecimals(known.amountUsd, amountUsd),
      service,
      ...(model === undefined ? {} : { model }),
      ...(project === undefined ? {} : { project }),
      finality,
    });
  }

  all(): ReportedCost[] {
    return [...this.rows.values()];
  }
}

/** Whether books that settle so many days after the end of a day have settled it. */
export const settled = (day: Date, afterDays: number, now: Date): ReportedCost['finality'] =>
  now.getTime() >= day.getTime() + (1 + afterDays) * DAY_MS ? 'final' : 'estimate';

/** The first moments of a period's days, UTC. */
export function daysOf(period: { from: Date; to: Date }): Date[] {
  const days: Date[] = [];
  for (let at = Math.floor(period.from.getTime() / DAY_MS) * DAY_MS; at < period.to.getTime(); at += DAY_MS)
    days.push(new Date(at));
  return days;
}
