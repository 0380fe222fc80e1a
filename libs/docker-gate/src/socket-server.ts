import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { askEngine, type EngineRequest } from './engine.ts';

/** Clients of Docker repeat a request's body in its address, where a container's environment is long. */
const LARGEST_HEADER = 512 * 1024;

export interface Answer {
  status: number;
  text: string;
}

export const refusal = (status: number, message: string): Answer => ({ status, text: JSON.stringify({ message }) });

/** Serves on a socket what `answer` sends; whatever it throws is told as the engine's silence. */
export function socketServer(answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Server {
  const server = createServer({ maxHeaderSize: LARGEST_HEADER }, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      if (response.headersSent) return response.destroy();
      send(response, refusal(502, `the engine does not answer: ${why}`));
    });
  });
  server.requestTimeout = 10_000;
  return server;
}

export async function listenOn(server: Server, path: string): Promise<void> {
  // Left by one that was killed.
  await rm(path, { force: true });
  server.listen(path);
  await once(server, 'listening');
  // Who may enter the folder may ask: it is shared with the one service that does, which has another user.
  await chmod(path, 0o666);
}

export async function closed(server: Server): Promise<void> {
  const ended = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await ended;
}

export function send(response: ServerResponse, { status, text }: Answer): void {
  const empty = status === 204 || status === 304;
  response.writeHead(status, empty ? {} : { 'content-type': 'application/json' });
  response.end(empty ? undefined : text);
}

/** Passes an answer on, for as long as both sides hold it open. */
export async function passOn(engine: string, asked: EngineRequest, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const answer = await askEngine(engine, { ...asked, signal: gone.signal });
  response.writeHead(answer.statusCode ?? 502, { 'content-type': answer.headers['content-type'] ?? 'text/plain' });
  response.flushHeaders();
  answer.on('error', () => response.destroy());
  answer.pipe(response);
}
