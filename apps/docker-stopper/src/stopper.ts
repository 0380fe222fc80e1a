import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type Answer, answerOf, listenOn, passOn, refusal, send, socketServer, textOf } from '@purser/docker-gate';
import { isProtected, narrowed } from './answers.js';
import { changes, requestFor, type Wish, wishOf } from './rules.js';

const LARGEST_BODY = 4 * 1024;
const ANSWER_MS = 10_000;
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
  const server = socketServer((request, response) => answer(request, response, engine, say));
  await listenOn(server, listen);
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
    return send(response, refusal(403, 'this proxy only lists, inspects, and stops containers'));
  }
  if (wish.do === 'events') return passOn(engine, requestFor(wish), response);
  if (changes(wish)) {
    const inspected = await ask(engine, { do: 'inspect', id: (wish as { id: string }).id });
    if (inspected.status === 200 && isProtected(inspected.text)) {
      say(`refused to ${wish.do} a protected container`);
      return send(response, refusal(403, 'the container is labelled purser.protect'));
    }
    say(`${wish.do} ${(wish as { id: string }).id.slice(0, 12)}`);
  }
  const { status, text } = await ask(engine, wish);
  const narrow = status === 200 && (wish.do === 'list' || wish.do === 'inspect');
  send(response, { status, text: narrow ? narrowed(wish.do, text) : text });
}

function ask(engine: string, wish: Wish): Promise<Answer> {
  const timeoutMs = wish.do === 'stop' ? wish.graceSeconds * 1_000 + STOP_SLACK_MS : ANSWER_MS;
  return answerOf(engine, { ...requestFor(wish), timeoutMs });
}
