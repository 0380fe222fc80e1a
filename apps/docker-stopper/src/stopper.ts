import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isProtected, narrowed } from './answers.js';
import { askEngine, textOf } from './engine.js';
import { changes, requestFor, type Wish, wishOf } from './rules.js';

const LARGEST_BODY = 4 * 1024;
/** What an engine takes to kill and to answer, beyond the grace period. */
const STOP_SLACK_MS = 15_000;

export interface StopperOptions {
  /** The engine's socket. */
  engine: string;
  /** The socket to listen on. */
  listen: string;
  say: (line: string) => void;
}

/** Serves on a socket what may be asked of the engine; refuses everything else with 403. */
export async function startStopper({ engine, listen, say }: StopperOptions): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request, response, engine, say).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      if (response.headersSent) return response.destroy();
      refuse(response, 502, `the engine does not answer: ${why}`);
    });
  });
  server.requestTimeout = 10_000;
  // Left by one that was killed.
  await rm(listen, { force: true });
  server.listen(listen);
  await once(server, 'listening');
  // Who may enter the folder may ask: it is shared with the watchdog alone, which has another user.
  await chmod(listen, 0o666);
  return server;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  engine: string,
  say: (line: string) => void,
): Promise<void> {
  const { method = '', url = '' } = request;
  const body = await textOf(request, LARGEST_BODY).catch(() => undefined);
  const wish = body === undefined ? undefined : wishOf(method, url, body);
  if (!wish) {
    say(`refused ${JSON.stringify(`${method} ${url.slice(0, 200)}`)}`);
    refuse(response, 403, 'this proxy only lists, inspects, and stops containers');
    return;
  }
  if (wish.do === 'events') return passEvents(response, engine);
  if (changes(wish)) {
    const inspected = await ask(engine, { do: 'inspect', id: (wish as { id: string }).id });
    if (inspected.status === 200 && isProtected(inspected.text)) {
      say(`refused to ${wish.do} a protected container`);
      refuse(response, 403, 'the container is labelled purser.protect');
      return;
    }
    say(`${wish.do} ${(wish as { id: string }).id.slice(0, 12)}`);
  }
  const { status, text } = await ask(engine, wish);
  const narrow = status === 200 && (wish.do === 'list' || wish.do === 'inspect');
  send(response, status, narrow ? narrowed(wish.do, text) : text);
}

async function ask(engine: string, wish: Wish): Promise<{ status: number; text: string }> {
  const timeoutMs = wish.do === 'stop' ? wish.graceSeconds * 1_000 + STOP_SLACK_MS : undefined;
  const found = await askEngine(engine, { ...requestFor(wish), ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  return { status: found.statusCode ?? 502, text: await textOf(found) };
}

/** For as long as both sides hold it open. */
async function passEvents(response: ServerResponse, engine: string): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const events = await askEngine(engine, { ...requestFor({ do: 'events' }), signal: gone.signal });
  response.writeHead(events.statusCode ?? 502, { 'content-type': 'application/json' });
  response.flushHeaders();
  events.on('error', () => response.destroy());
  events.pipe(response);
}

function send(response: ServerResponse, status: number, text: string): void {
  const empty = status === 204 || status === 304;
  response.writeHead(status, empty ? {} : { 'content-type': 'application/json' });
  response.end(empty ? undefined : text);
}

const refuse = (response: ServerResponse, status: number, message: string): void =>
  send(response, status, JSON.stringify({ message }));
