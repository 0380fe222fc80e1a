import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../program.js';
import { recordedTerminal } from './recorded-terminal.fixture.js';

export interface Seen {
  method: string;
  url: string;
  key: string | undefined;
  body: unknown;
}

/** A control API that answers what a spec tells it to, and a folder to run commands in against it. */
export class FakeApi {
  seen: Seen[] = [];
  answers: Record<string, () => [status: number, body: unknown, headers?: Record<string, string>]> = {};

  private constructor(
    readonly folder: string,
    private readonly server: ReturnType<typeof createServer>,
  ) {}

  static async open(): Promise<FakeApi> {
    const server = createServer((request, response) => {
      void api.answer(request).then(([status, body, headers]) => {
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const api = new FakeApi(await mkdtemp(join(tmpdir(), 'purser-cli-')), server);
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get env(): Record<string, string> {
    return { PURSER_API_URL: this.url, PURSER_ADMIN_KEY: 'pk_test' };
  }

  reset(): void {
    this.seen = [];
    this.answers = {};
  }

  async purser(...argv: string[]) {
    const terminal = recordedTerminal({
      env: this.env,
      cwd: this.folder,
      readInput: () => Promise.resolve('{"from":"stdin"}'),
    });
    const code = await run(argv, terminal);
    return { code, ...terminal.printed };
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await rm(this.folder, { recursive: true });
  }

  private async answer(request: IncomingMessage): Promise<[number, unknown, Record<string, string>?]> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const { method = '', url = '', headers } = request;
    this.seen.push({ method, url, key: headers.authorization, body: text === '' ? undefined : JSON.parse(text) });
    const found = this.answers[`${method} ${url.split('?')[0]}`];
    return found ? found() : [404, { error: { code: 'not_found', message: `nothing at ${url}`, details: {} } }];
  }
}
