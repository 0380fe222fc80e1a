import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { Injectable } from '@nestjs/common';
import { withTrace } from '@purser/bus';
import { MAX_BODY_BYTES } from '../bodies/most-bytes.js';
import { chatCompletions } from '../dialects/chat-completions/chat-completions.js';
import type { Dialect } from '../dialects/dialect.js';
import { messages } from '../dialects/messages/messages.js';
import { responses } from '../dialects/responses/responses.js';
import { ChatEndpoint } from './chat-endpoint.js';

const DIALECTS: ReadonlyMap<string, Dialect> = new Map([
  ['/v1/chat/completions', chatCompletions],
  ['/v1/messages', messages],
  ['/v1/responses', responses],
]);

/**
 * Takes the ordinary requests to chat from Node's server, ahead of Fastify and Nest: their routing, hooks, contexts and
 * body reader were a sixth of what a call cost, and do nothing for these. Whatever is not quite ordinary goes their way.
 */
@Injectable()
export class DirectChats {
  constructor(private readonly endpoint: ChatEndpoint) {}

  /** To be called before the server listens. */
  standBefore(server: Server): void {
    const others = server.listeners('request') as RequestListener[];
    server.removeAllListeners('request');
    server.on('request', (request, response) => {
      const dialect = dialectOf(request);
      if (!dialect) {
        for (const other of others) other.call(server, request, response);
        return;
      }
      const { headers } = request;
      readBody(request, (body) => {
        void withTrace(headers.traceparent as string | undefined, () =>
          this.endpoint.serve(dialect, { headers, body }, response),
        );
      });
    });
  }
}

/** Undefined for a request that is none to chat, or not an ordinary one: JSON of a known length that is not too long. */
function dialectOf({ method, url = '', headers }: IncomingMessage): Dialect | undefined {
  if (method !== 'POST') return undefined;
  const dialect = DIALECTS.get(url);
  if (!dialect || !JSON_TYPES.test(headers['content-type'] ?? '')) return undefined;
  const length = Number(headers['content-length']);
  return length > 0 && length <= MAX_BODY_BYTES ? dialect : undefined;
}

const JSON_TYPES = /^application\/json(;|$)/i;

/** Never calls back for a client that leaves before its body has come: there is nobody to answer. */
function readBody(request: IncomingMessage, done: (body: Buffer) => void): void {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('error', () => undefined);
  request.on('end', () => done(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)));
}
