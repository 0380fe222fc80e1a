import { readFile } from 'node:fs/promises';
import type { PluginContext } from '@purser/plugin-sdk';
import { type AuthClient, GoogleAuth, JWT } from 'google-auth-library';
import { z } from 'zod';
import { type GcpComputeConfig, isGoogles } from './config.js';

/** As Google's console hands it out. */
const KeyFile = z.looseObject({
  client_email: z.string(),
  private_key: z.string(),
  private_key_id: z.string().optional(),
  token_uri: z.url().default('https://oauth2.googleapis.com/token'),
});

const OWN = 'GOOGLE_APPLICATION_CREDENTIALS';
const TOKENS = 'https://oauth2.googleapis.com/token';
/** To make VMs, and to ask which rights one has. */
const SCOPES = [
  'https://www.googleapis.com/auth/compute',
  'https://www.googleapis.com/auth/cloudplatformprojects.readonly',
];

/** In whose name Google is asked. */
export async function credentials(context: PluginContext, config: GcpComputeConfig): Promise<AuthClient> {
  const { credentialsEnv, apiEndpoint } = config;
  const name = credentialsEnv ?? (isGoogles(config) ? OWN : undefined);
  if (name === undefined)
    throw new Error(
      `${apiEndpoint} is not Google’s: name the environment variable of the path of a service account’s file as "credentialsEnv" in config/plugins.json`,
    );
  const path = context.secret(name);
  if (path === undefined) {
    if (credentialsEnv === undefined) return new GoogleAuth({ scopes: SCOPES }).getClient();
    throw new Error(
      `${name} is not set; it holds the path of a service account’s file, made at https://console.cloud.google.com/iam-admin/serviceaccounts`,
    );
  }
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Error(`the file that ${name} names cannot be read: ${(cause as Error).message}`, { cause });
  });
  return signer(text, path, name);
}

async function signer(text: string, path: string, name: string): Promise<AuthClient> {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    // Its text may be a key, so nothing of it is shown.
    throw new Error(`the file that ${name} names is not JSON; download the service account’s key again`);
  }
  // Federated and impersonated accounts, and people's own logins, Google's library reads itself.
  if ((file as { type?: unknown } | null)?.type !== 'service_account')
    return new GoogleAuth({ keyFilename: path, scopes: SCOPES }).getClient();
  const key = KeyFile.safeParse(file);
  if (!key.success)
    throw new Error(`the file that ${name} names cannot be used: ${z.prettifyError(key.error)}`, { cause: key.error });
  const { client_email, private_key, private_key_id, token_uri } = key.data;
  return new JWT({
    email: client_email,
    key: private_key,
    ...(private_key_id === undefined ? {} : { keyId: private_key_id }),
    scopes: SCOPES,
    // The library asks one address for tokens, whatever the file says.
    transporterOptions: {
      fetchImplementation: (input, init) => fetch(urlOf(input) === TOKENS ? token_uri : input, init),
    },
  });
}

const urlOf = (input: string | URL | Request): string =>
  typeof input === 'string' ? input : input instanceof URL ? input.href : input.url;
