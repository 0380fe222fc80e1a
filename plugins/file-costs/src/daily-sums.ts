import { plainDecimal, type ReportedCost } from '@purser/plugin-sdk';

const DAY = 86_400_000;
/** Exports have a row for each resource and hour, some of far less than a nano-dollar. */
const PLACES = 18;

export interface Row {
  from: Date;
  to: Date;
  service: string;
  model: string | undefined;
  project: string | undefined;
  /** A plain decimal. */
  amount: string;
}

/** Adds up rows by day (UTC) and by what tells them apart; rows over more than a day keep their span. */
export class DailySums {
  private readonly sums = new Map<string, { row: Row; units: bigint }>();

  add(row: Row): void {
    const from = new Date(Math.floor(row.from.getTime() / DAY) * DAY);
    const to = new Date(Math.max(from.getTime() + DAY, Math.ceil(row.to.getTime() / DAY) * DAY));
    const span = [from, to].map((at) => at.toISOString().slice(0, 10));
    const key = [...span, row.service, row.model ?? '', row.project ?? ''].join(' | ');
    const units = unitsOf(row.amount) + (this.sums.get(key)?.units ?? 0n);
    this.sums.set(key, { row: { ...row, from, to }, units });
  }

  costs(): ReportedCost[] {
    return [...this.sums].map(([id, { row, units }]) => ({
      id,
      from: row.from,
      to: row.to,
      amountUsd: plainDecimal(`${units}e-${PLACES}`),
      service: row.service,
      ...(row.model === undefined ? {} : { model: row.model }),
      ...(row.project === undefined ? {} : { project: row.project }),
      finality: 'estimate',
    }));
  }
}

function unitsOf(amount: string): bigint {
  const [whole = '0', fraction = ''] = amount.replace('-', '').split('.');
  const units = BigInt(whole + fraction.slice(0, PLACES).padEnd(PLACES, '0'));
  return amount.startsWith('-') ? -units : units;
}
