import { type CallOptions, clip, conceal, type Notice, type Notifier, type PluginContext } from '@purser/plugin-sdk';
import type { WebhookConfig } from './config.js';
import { type Post, POSTS } from './posts.js';
import { signedHeaders } from './signature.js';

/** What a server says of a refusal, at most. */
const MOST_SAID = 300;
/** What of it is read. */
const MOST_READ = 16 * 1024;

export class WebhookNotifier implements Notifier {
  /** An incident in PagerDuty, and whatever reads the signed form, knows an alert by its fingerprint. */
  readonly single: boolean;
  readonly reports: boolean;
  /** What is merely worth knowing is no incident. */
  readonly minSeverity: 'info' | 'warning';

  constructor(
    private readonly context: PluginContext,
    private readonly config: WebhookConfig,
  ) {
    this.single = config.template === 'pagerduty' || config.template === 'standard';
    this.reports = config.template !== 'pagerduty';
    this.minSeverity = config.template === 'pagerduty' ? 'warning' : 'info';
  }

  async send(notice: Notice, options: CallOptions): Promise<void> {
    const { template, tokenEnv, urlEnv } = this.config;
    const target = { url: this.config.url ?? this.required(urlEnv), token: this.required(tokenEnv) };
    for (const post of POSTS[template](notice, target)) await this.post(post, notice, options);
  }

  private required(variable: string | undefined): string | undefined {
    if (variable === undefined) return undefined;
    const value = this.context.secret(variable);
    if (value === undefined) throw new Error(`${variable} is not set`);
    return value;
  }

  private async post({ url, body, headers }: Post, notice: Notice, { signal }: CallOptions): Promise<void> {
    const text = JSON.stringify(body);
    const request = {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'purser',
        ...headers,
        ...this.signature(notice.id, text),
      },
      body: text,
      signal,
      // A signed body, a token or a secret address goes to the server that was named and to no other.
      redirect: 'manual' as const,
    };
    let response: Response;
    try {
      response = await fetch(url, request);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      // eslint-disable-next-line preserve-caught-error -- it may tell the whole URL
      throw new Error(this.shown(`${originOf(url)} cannot be reached: ${reasonOf(error)}`));
    }
    if (response.ok) {
      await response.body?.cancel();
      return;
    }
    // Concealed before it is cut: the first half of a secret would not be known for one.
    const said = clip(this.shown(await beginningOf(response)), MOST_SAID);
    throw new Error(`${originOf(url)} answered ${response.status}${advice(response)}: ${said}`);
  }

  private signature(id: string, body: string): Record<string, string> {
    const { secretEnv } = this.config;
    if (secretEnv === undefined) return {};
    const secrets = this.required(secretEnv) ?? '';
    return signedHeaders({ id, at: new Date(), body, secrets, secretName: secretEnv });
  }

  /** Without what is secret here, wherever it is configured: of a URL all but the server may be. */
  private shown(message: string): string {
    const { url, urlEnv, tokenEnv, secretEnv } = this.config;
    const secret = (name: string | undefined) => (name === undefined ? undefined : this.context.secret(name));
    const address = url ?? secret(urlEnv);
    return conceal(message, [address, ...partsOf(address), secret(tokenEnv), secret(secretEnv)]);
  }
}

function partsOf(address: string | undefined): string[] {
  const url = URL.parse(address ?? '');
  if (!url) return [];
  const { href, pathname, search, username, password } = url;
  return [href, `${pathname}${search}`, pathname, search.slice(1), username, password];
}

const originOf = (url: string): string => URL.parse(url)?.origin ?? 'its URL, which is not one,';

async function beginningOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const part of body ?? []) {
      text += decoder.decode(part as Uint8Array, { stream: true });
      if (text.length >= MOST_READ) break;
    }
  } catch {
    // What was said until then is told.
  }
  return text;
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string; code?: string } };
  return cause?.message || cause?.code || String(message);
}

function advice({ status }: Response): string {
  if (status >= 300 && status < 400) return ' (a redirect, which is not followed: name the final address)';
  if (status === 401 || status === 403) return ' (the secret or token is not the right one)';
  if (status === 404 || status === 410) return ' (there is no such webhook any more)';
  return '';
}
