import { z } from 'zod';
import { LEAST_BYTES_BILLED, ON_DEMAND } from './query-price.js';

const project = /^[a-z][a-z0-9:.-]{4,98}[a-z0-9]$/;

export const GcpBillingConfig = z.strictObject({
  /** The table of the standard or detailed usage cost export: `project.dataset.table`. */
  table: z
    .string()
    .regex(
      /^[a-z][a-z0-9:.-]{4,98}[a-z0-9]\.[A-Za-z0-9_]{1,1024}\.[A-Za-z0-9_-]{1,1024}$/,
      'a table as "project.dataset.gcp_billing_export_v1_<billing account>"',
    ),
  /** The project that asks, and pays for it; the table's own when left out. */
  queryProject: z.string().regex(project, 'the id of a project').optional(),
  /**
   * Which environment variable holds the path of a service account's JSON file. GOOGLE_APPLICATION_CREDENTIALS when left out,
   * else whatever Google's libraries find (gcloud's login, the machine's own account); but with an `apiEndpoint` that is not
   * Google's it must be named here.
   */
  credentialsEnv: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable, such as "GOOGLE_APPLICATION_CREDENTIALS"')
    .optional(),
  apiEndpoint: z
    .url({ protocol: /^https?$/, error: 'an http or https URL, such as "https://bigquery.googleapis.com"' })
    .default('https://bigquery.googleapis.com'),
  /** A query that would be billed for more is refused by BigQuery, and costs nothing. */
  maximumBytesBilled: z
    .int()
    .min(LEAST_BYTES_BILLED)
    .default(10 * 2 ** 30),
  /** What a TiB costs where the table is; "0" for projects that pay by capacity. */
  usdPerTiB: z
    .string()
    .regex(/^\d{1,6}(\.\d{1,9})?$/, 'US dollars as a decimal string, such as "6.25"')
    .default(ON_DEMAND.usdPerTiB),
  /** Of the ledger's providers, whose costs these are. */
  provider: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'a provider as the ledger names it, such as "gcp"')
    .default('gcp'),
  /** How often the bill is asked for. Google adds to an export several times a day, and each query costs. */
  everySeconds: z.int().min(300).default(21_600),
  /** Books without anything new for longer are stale; a weekend without use is not. */
  staleAfterSeconds: z.int().min(300).default(259_200),
});
export type GcpBillingConfig = z.output<typeof GcpBillingConfig>;
