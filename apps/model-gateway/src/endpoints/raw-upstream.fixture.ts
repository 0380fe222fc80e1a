import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What is sent byte for byte, each part in a piece of its own, and as soon as it is there. */
export interface RawAnswer {
  status?: number;
  contentType?: string;
  parts: readonly (string | Uint8Array | Promise<string>)[];
  /** Breaks the connection off after the parts. */
  cut?: boolean;
}

/** A part that is said when the test wants it. */
export function sayLater(): { said: Promise<string>; say: (text: string) => void } {
  let say: (text: string) => void = () => undefined;
  const said = new Promise<string>((resolve) => {
    say = resolve;
  });
  return { said, say };
}

/** An upstream that says exactly what a test wants to be said, also what no decent server would. */
export interface RawUpstream {
  url: string;
  /** Bodies as they came, oldest first. */
  readonly asked: Record<string, unknown>[];
  /** For the next call. */
  answer: RawAnswer;
  close(): Promise<void>;
}

const sent = (response: ServerResponse, part: string | Uint8Array) =>
  new Promise<void>((resolve) => response.write(part, () => resolve()));

async function read(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
}

export async function startRawUpstream(models: readonly string[]): Promise<RawUpstream> {
  const asked: Record<string, unknown>[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    asked.push(await read(request));
    const { status = 200, contentType = 'text/event-stream', parts, cut } = upstream.answer;
    response.writeHead(status, { 'content-type': contentType });
    for (const part of parts) await sent(response, await part);
    if (cut) response.destroy();
    else response.end();
  };
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      serve(request, response).catch(() => response.destroy());
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ object: 'list', data: models.map((id) => ({ id, object: 'model' })) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const upstream: RawUpstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    answer: { parts: [] },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return upstream;
}
