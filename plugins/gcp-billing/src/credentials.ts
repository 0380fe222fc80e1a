import { readFile } from 'node:fs/promises';
import type { BigQueryOptions } from '@google-cloud/bigquery';
import type { PluginContext } from '@purser/plugin-sdk';
import { JWT } from 'google-auth-library';
import { z } from 'zod';
import type { GcpBillingConfig } from './config.js';

/** As Google's console hands it out. */
const KeyFile = z.looseObject({
  client_email: z.string(),
  private_key: z.string(),
  private_key_id: z.string().optional(),
  token_uri: z.url().default('https://oauth2.googleapis.com/token'),
});

const OWN = 'GOOGLE_APPLICATION_CREDENTIALS';

/** Whose name BigQuery is asked in, for one reading: files may be replaced. */
export async function credentials(
  context: PluginContext,
  { credentialsEnv, apiEndpoint }: GcpBillingConfig,
  signal: AbortSignal,
): Promise<Pick<BigQueryOptions, 'authClient' | 'keyFilename'>> {
  const own = new URL(apiEndpoint).hostname.endsWith('.googleapis.com');
  const name = credentialsEnv ?? (own ? OWN : undefined);
  if (name === undefined)
    throw new Error(
      `${apiEndpoint} is not Google’s: name the environment variable of the path of a service account’s file as "credentialsEnv" in config/plugins.json`,
    );
  const path = context.secret(name);
  if (path === undefined || path === '') {
    if (credentialsEnv === undefined) return {};
    throw new Error(
      `${name} is not set; it holds the path of a service account’s file, made at https://console.cloud.google.com/iam-admin/serviceaccounts`,
    );
  }
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Error(`the file that ${name} names cannot be read: ${(cause as Error).message}`, { cause });
  });
  return signer(text, { path, name }, signal);
}

function signer(
  text: string,
  { path, name }: { path: string; name: string },
  signal: AbortSignal,
): Pick<BigQueryOptions, 'authClient' | 'keyFilename'> {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    // Its text may be a key, so nothing of it is shown.
    throw new Error(`the file that ${name} names is not JSON; download the service account’s key again`);
  }
  // Federated and impersonated accounts, and people's own logins, Google's library reads itself.
  if ((file as { type?: unknown } | null)?.type !== 'service_account') return { keyFilename: path };
  const key = KeyFile.safeParse(file);
  if (!key.success)
    throw new Error(`the file that ${name} names cannot be used: ${z.prettifyError(key.error)}`, { cause: key.error });
  const { client_email, private_key, private_key_id, token_uri } = key.data;
  const authClient = new JWT({
    email: client_email,
    key: private_key,
    ...(private_key_id === undefined ? {} : { keyId: private_key_id }),
    scopes: ['https://www.googleapis.com/auth/bigquery'],
    // The library asks one address for tokens, whatever the file says, and knows no signal.
    transporterOptions: {
      fetchImplementation: (_input, init) =>
        fetch(token_uri, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, signal]) : signal }),
    },
  });
  return { authClient };
}
