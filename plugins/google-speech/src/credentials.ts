import { readFile } from 'node:fs/promises';
import { failureFromNetwork, type PluginContext, ProviderError } from '@purser/plugin-sdk';
import { JWT } from 'google-auth-library';
import { z } from 'zod';
import type { GoogleSpeechConfig } from './config.js';

const scope = 'https://www.googleapis.com/auth/cloud-platform';

/** As Google's console hands it out. */
const KeyFile = z.looseObject({
  type: z.literal('service_account', { error: 'not the key file of a service account' }),
  client_email: z.string(),
  private_key: z.string(),
  private_key_id: z.string().optional(),
  token_uri: z.url().default('https://oauth2.googleapis.com/token'),
});

const cannot = (message: string, cause?: unknown) => new ProviderError('auth', message, { mayBill: false, cause });

function signedBy(text: string, path: string): JWT {
  let key: z.output<typeof KeyFile>;
  try {
    key = KeyFile.parse(JSON.parse(text));
  } catch (cause) {
    const said = cause instanceof z.ZodError ? z.prettifyError(cause) : 'not JSON';
    throw cannot(`${path} cannot be used: ${said}`, cause);
  }
  return new JWT({
    email: key.client_email,
    key: key.private_key,
    ...(key.private_key_id === undefined ? {} : { keyId: key.private_key_id }),
    scopes: [scope],
    // The library asks one address for tokens, whatever the file says.
    transporterOptions: { fetchImplementation: (_input, init) => fetch(key.token_uri, init) },
  });
}

/** Waits for work that goes on for others too. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const left = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: left.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    left.abort();
  }
}

type Names = Record<'key' | 'file', string | undefined>;

/** An API key, or a service account with its tokens. Read anew for every call: secrets may be rotated. */
export class Credentials {
  private account: { text: string; jwt: JWT } | undefined;
  private readonly names: Names;

  constructor(
    private readonly context: PluginContext,
    config: GoogleSpeechConfig,
  ) {
    // Google's keys never go to somebody else's server unless they are named for it.
    const own = new URL(config.endpoint).hostname.endsWith('.googleapis.com');
    this.names = {
      key: config.apiKeyEnv ?? (own ? 'GOOGLE_API_KEY' : undefined),
      file: config.credentialsEnv ?? (own ? 'GOOGLE_APPLICATION_CREDENTIALS' : undefined),
    };
  }

  /** What is missing, and how to mend it. */
  get missing(): string | undefined {
    if (this.secret('key') !== undefined || this.secret('file') !== undefined) return undefined;
    const { key, file } = this.names;
    if (key === undefined && file === undefined)
      return 'name the environment variable of a key as "apiKeyEnv" or "credentialsEnv" in config/plugins.json';
    const named = [key, file].filter((name) => name !== undefined).join(' or ');
    return `${named} is not set; make an API key or a service account at https://console.cloud.google.com/apis/credentials and enable the Speech-to-Text API`;
  }

  /** What is used, to be named in errors. */
  get shown(): string {
    return (this.secret('key') === undefined ? this.names.file : this.names.key) ?? 'no key';
  }

  async headers(signal: AbortSignal): Promise<Record<string, string>> {
    const key = this.secret('key');
    if (key !== undefined) return { 'x-goog-api-key': key };
    return this.accountHeaders(signal);
  }

  /** Cloud Storage, and what is read from it, know no API keys. */
  async accountHeaders(signal: AbortSignal): Promise<Record<string, string>> {
    const path = this.secret('file');
    if (path === undefined)
      throw cannot(
        this.missing ?? `${this.names.file ?? 'a service account'} is not set, and this needs a service account`,
      );
    const text = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw cannot(`the file that ${this.names.file} names cannot be read: ${(cause as Error).message}`, cause);
    });
    if (this.account?.text !== text) this.account = { text, jwt: signedBy(text, path) };
    return { authorization: `Bearer ${await this.token(this.account.jwt, signal)}` };
  }

  private async token(jwt: JWT, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    try {
      const { token } = await unlessAborted(signal, jwt.getAccessToken());
      if (token) return token;
    } catch (error) {
      signal.throwIfAborted();
      const status = (error as { response?: { status?: number } }).response?.status;
      // What failed without a request is the signing.
      const asked = typeof error === 'object' && error !== null && 'config' in error;
      if (status !== undefined || !asked) throw cannot(`Google gives no token: ${(error as Error).message}`, error);
      const { kind, message } = failureFromNetwork(error, 'Google’s tokens');
      // The recording has not been sent yet.
      throw new ProviderError(kind, message, { mayBill: false, cause: error });
    }
    throw cannot('Google gives no token');
  }

  private secret(which: keyof Names): string | undefined {
    const name = this.names[which];
    return name === undefined ? undefined : this.context.secret(name);
  }
}
