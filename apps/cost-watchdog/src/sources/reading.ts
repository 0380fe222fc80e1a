import { Token } from '@purser/contracts';
import type { Nano } from '@purser/money';
import { type CostReading, CostReadingFailed } from '@purser/plugin-sdk';
import { z } from 'zod';

/** A row of somebody's books. */
export interface BooksRow {
  id: string;
  from: Date;
  to: Date;
  service: string;
  model: string | null;
  project: string | null;
  amount: Nano;
  finality: 'estimate' | 'final';
}

const MOST_ROWS = 100_000;
const decimal = z.string().regex(/^-?\d{1,9}(\.\d+)?$/, 'a decimal amount in dollars such as "12.345"');

/** What a plugin told, before anything is made of it: it may be anybody's. */
const Reading = z.object({
  costs: z
    .array(
      z
        .object({
          id: z.string().min(1).max(1_000),
          from: z.date(),
          to: z.date(),
          amountUsd: decimal,
          service: z.string().min(1).max(500),
          model: z.string().max(500).nullish(),
          project: z.string().nullish(),
          finality: z.enum(['estimate', 'final']),
        })
        .refine(({ from, to }) => from < to, 'it ends before it begins'),
    )
    .max(MOST_ROWS, `more than ${MOST_ROWS} rows`),
  ownCostUsd: decimal,
});

/** Throws an error that says what of it cannot be used: then none of it is. */
export function rowsOf(reading: CostReading): { rows: BooksRow[]; own: Nano } {
  const parsed = Reading.safeParse(reading);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const what = `${issue?.path.join('.')}: ${issue?.message}`;
    throw new CostReadingFailed(`the plugin told something that cannot be counted: ${what}`, reading.ownCostUsd);
  }
  const seen = new Set<string>();
  const rows = parsed.data.costs.map(({ amountUsd, model, project, ...row }) => {
    if (seen.has(row.id))
      throw new CostReadingFailed(
        `the plugin told two rows as "${row.id}": which of them counts is not known`,
        parsed.data.ownCostUsd,
      );
    seen.add(row.id);
    // Budgets and the ledger name projects by tokens: another name is of no project that they know.
    const token = Token.safeParse(project);
    return { ...row, model: model || null, project: token.success ? token.data : null, amount: roundedNano(amountUsd) };
  });
  return { rows, own: roundedNano(parsed.data.ownCostUsd) };
}

/** Books have more places than the ledger: to the nearest nano-dollar, halves away from zero. */
export function roundedNano(decimalUsd: string): Nano {
  const [whole = '0', fraction = ''] = decimalUsd.replace('-', '').split('.');
  const nano = BigInt(whole + fraction.slice(0, 9).padEnd(9, '0')) + ((fraction[9] ?? '0') >= '5' ? 1n : 0n);
  return decimalUsd.startsWith('-') ? -nano : nano;
}

/** Of a reading that failed; by its name, since plugins may bring a copy of the SDK. Undefined when nobody knows. */
export function ownCostOf(error: unknown): Nano | undefined {
  const { name, ownCostUsd } = (error ?? {}) as { name?: unknown; ownCostUsd?: unknown };
  const told = decimal.safeParse(ownCostUsd);
  return name === 'CostReadingFailed' && told.success ? roundedNano(told.data) : undefined;
}
