import type { GcpBillingConfig } from './config.js';
import { Refused } from './warehouse.js';

const SETUP = 'https://cloud.google.com/billing/docs/how-to/export-data-bigquery-setup';

/** How a person mends what BigQuery refused. */
export function remedied(error: unknown, { table, queryProject, maximumBytesBilled }: GcpBillingConfig): Error {
  if (!(error instanceof Refused)) return error as Error;
  const { status, reason, message } = error;
  const asker = queryProject ?? `the table’s project`;
  let advice: string | undefined;
  if (reason === 'bytesBilledLimitExceeded')
    advice = `Nothing was billed. Raise "maximumBytesBilled" (now ${maximumBytesBilled}) in config/plugins.json, or read the standard export, which is smaller than the detailed one`;
  else if (reason === 'quotaExceeded')
    advice = `The project’s quota for queries is used up until it is renewed or raised`;
  else if (status === 401)
    advice =
      'Sign in for it: GOOGLE_APPLICATION_CREDENTIALS (or "credentialsEnv") holds the path of a service account’s file';
  else if (status === 403)
    advice = `The account needs "BigQuery Data Viewer" on the dataset of ${table} and "BigQuery Job User" on ${asker}`;
  else if (status === 404)
    advice = `${table} is not there: switch on the export of the standard usage cost to BigQuery (${SETUP}) and name its table, gcp_billing_export_v1_<billing account>; Google makes it some hours later`;
  return advice === undefined ? error : new Error(`${message}. ${advice}`, { cause: error });
}
