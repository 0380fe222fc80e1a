import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Notice, PluginContext } from '@purser/plugin-sdk';
import { WebhookConfig } from './config.js';
import plugin from './index.js';

export interface Request {
  method: string | undefined;
  path: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A server on loopback that keeps what it is sent. */
export class Receiver {
  readonly requests: Request[] = [];
  answers: [status: number, body: string, headers?: Record<string, string>] = [200, 'ok'];

  private constructor(private readonly server: Server) {}

  static async open(): Promise<Receiver> {
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        const { method, url: path, headers } = request;
        receiver.requests.push({ method, path, headers, body });
        const [status, text, more] = receiver.answers;
        response.writeHead(status, more).end(text);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const receiver = new Receiver(server);
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get last(): Request {
    const last = this.requests.at(-1);
    if (!last) throw new Error('nothing was sent');
    return last;
  }

  /** What was sent last, read as JSON. */
  json<T = Record<string, unknown>>(): T {
    return JSON.parse(this.last.body) as T;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

export const notice = (more: Partial<Notice> = {}): Notice => ({
  id: 'n-1',
  fingerprint: 'budget/daily/7/critical',
  state: 'firing',
  severity: 'critical',
  kind: 'budget_critical',
  title: 'Budget daily passed its critical threshold: $4.50 of $5.00',
  text: 'Two lines\nof text',
  details: { budgetId: 'daily' },
  at: new Date('2026-11-23T10:00:00Z'),
  ...more,
});

export function notifier(config: object, env: Record<string, string> = {}) {
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const context: PluginContext = { logger, secret: (name) => env[name], signal: new AbortController().signal };
  const made = plugin.capabilities.notifier?.(context, WebhookConfig.parse(config));
  if (!made) throw new Error('no notifier');
  return made;
}

export const send = (config: object, more: Partial<Notice> = {}, env: Record<string, string> = {}) =>
  notifier(config, env).send(notice(more), { signal: AbortSignal.timeout(10_000) });

/** As long as can be, of characters that take more room escaped, in UTF-8 or as two units. */
export const LONG: Partial<Notice> = {
  title: `& <b> "quoted" ${'&😀ü'.repeat(3_000)}`,
  text: `<!channel> @everyone ${'<&>😀ü\n'.repeat(5_000)}`,
  fingerprint: 'f'.repeat(600),
  details: { much: '😀'.repeat(300_000) },
};
