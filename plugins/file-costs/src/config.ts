import { z } from 'zod';

const column = z.string().min(1);
const HOUR = 3_600;

/** For files that are not FOCUS: which column holds what. */
const Columns = z.strictObject({
  /** When it was used: a day (2026-11-03) or a time (2026-11-03T10:00:00Z); without a zone it is UTC. */
  from: column,
  /** Where the use ends; one day when left out. */
  to: column.optional(),
  /** What it cost, such as 12.50 or 1.2E-7; negative for credits. */
  amount: column,
  currency: column.optional(),
  service: column,
  model: column.optional(),
  project: column.optional(),
  /** Whose costs a row is, where a file holds those of several. */
  provider: column.optional(),
});
export type Columns = z.output<typeof Columns>;

export const FileCostsConfig = z
  .strictObject({
    /** A file, or a folder whose files are all read, those in its folders too: `.csv`, `.csv.gz`. */
    path: z.string().min(1),
    /** How the ledger and budgets name these costs, such as "azure". */
    provider: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, "-" or "_", such as "azure"'),
    /** The rows of this provider alone, as the file calls it: "Microsoft". */
    only: z.string().min(1).optional(),
    /** FOCUS 1.x when left out. */
    columns: Columns.optional(),
    /** Of FOCUS: what is billed, or with what was paid in advance spread over its use. */
    cost: z.enum(['BilledCost', 'EffectiveCost']).default('BilledCost'),
    /** Of FOCUS: the column whose value is the project that budgets name. */
    projectColumn: column.optional(),
    /** What a file without a column for it is in. */
    currency: z.string().min(1).optional(),
    delimiter: z.enum([',', ';', '\t', '|']).default(','),
    /** How often the files are looked at; they are read only when they changed. */
    everySeconds: z.number().int().min(1).max(HOUR).default(60),
    /** From then on a file that does not change says nothing any more about what is spent now. */
    staleAfterSeconds: z
      .number()
      .int()
      .min(60)
      .max(60 * 24 * HOUR)
      .default(48 * HOUR),
  })
  .refine(
    ({ columns, currency }) => columns === undefined || columns.currency !== undefined || currency !== undefined,
    {
      path: ['currency'],
      error: 'name the column that holds it as "columns": {"currency": ...}, or say what the whole file is in: "USD"',
    },
  );
export type FileCostsConfig = z.output<typeof FileCostsConfig>;
