import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Answered {
  status?: number;
  headers?: Record<string, string>;
  /** Text goes as it is, all else as JSON. */
  body: unknown;
}

/** What meets a request in place of its answer: another one, one that is cut off in the middle, or none. */
export type Upset = Answered | 'cut' | 'hang';

/** The server of somebody's books. What it answers, how it pages and what it refuses is its vendor's. */
export abstract class BooksServer {
  /** All requests since `steady()`, those with an upset too. */
  readonly asked: Asked[] = [];
  private upset: (index: number, asked: Asked) => Upset | undefined = () => undefined;
  private readonly server: Server = createServer((request, response) => {
    this.serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });

  protected abstract answer(asked: Asked): Answered;

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Decides for each request from now on, by how many came before it, whether something meets it. */
  disturb(upset: (index: number, asked: Asked) => Upset | undefined): void {
    this.asked.length = 0;
    this.upset = upset;
  }

  steady(): void {
    this.disturb(() => undefined);
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url);
    const { method = 'GET', headers } = request;
    const asked = { method, path: pathname, query: searchParams, headers, body: Buffer.concat(parts).toString() };
    const upset = this.upset(this.asked.push(asked) - 1, asked);
    if (upset === 'hang') return;
    const { status = 200, headers: more = {}, body } = typeof upset === 'object' ? upset : this.answer(asked);
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      ...more,
    });
    if (upset !== 'cut') response.end(text);
    else response.write(text.slice(0, text.length / 2), () => response.destroy());
  }
}

/** A number as it is written here, with all of its digits. */
export const asWritten = (text: string): unknown =>
  (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
