import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Bus } from '@purser/bus';
import { type HttpRoute, isPurserError, openApi, type Operation, OPERATIONS, PurserError } from '@purser/contracts';
import { adminKeyFile, Clock, Log, plainErrors, readOrCreateSecret, VERSION } from '@purser/service';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LiveEvents } from '../events/live-events.service.js';
import { serveEvents } from '../events/serve-events.js';
import { bearerOf, keyCheck } from './admin-key.js';
import type { Config } from '../config.js';
import { answerTimeMs } from './answer-time.js';
import { serveContent } from './content.js';
import { csvColumns, toCsv, wantsCsv } from './csv.js';
import { readBody } from './json-body.js';
import { readQuery } from './query.js';
import { type SessionCaller, SessionCallers } from './session-callers.js';
import { confined } from './session-scope.js';

/**
 * REST for every operation that has a path: authenticate, merge path, query and body into the request, ask the bus, answer.
 * Whatever it can do, the bus can, since it does nothing itself.
 */
export async function serveControlApi(app: NestFastifyApplication, config: Config): Promise<void> {
  const file = adminKeyFile(config.PURSER_HOME);
  const bus = app.get(Bus);
  const clock = app.get(Clock);
  const callers = new SessionCallers(bus, () => clock.monotonic());
  const checkAdmin = keyCheck(await readOrCreateSecret(file, 'pk_'), file);
  const authenticate: Authenticate = async (request) => {
    const secret = bearerOf(request);
    if (secret !== undefined && SessionCallers.mayKnow(secret)) return callers.identify(secret);
    checkAdmin(request);
    return undefined;
  };
  const log = app.get(Log);
  const document = openApi(OPERATIONS, VERSION);

  const server: FastifyInstance = app.getHttpAdapter().getInstance();
  void server.register((scope, _options, done) => {
    scope.setErrorHandler((thrown, request, reply) => answerError(thrown, request, reply, log));
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string' }, (request, body, parsed) => {
      try {
        const { list } = request.routeOptions.config as { list?: string };
        parsed(null, readBody(String(body), list));
      } catch (error) {
        parsed(error as Error, undefined);
      }
    });
    scope.get('/openapi.json', () => document);
    // Both show what any session leaves: for the admin key alone.
    serveEvents(scope, checkAdmin, app.get(LiveEvents));
    for (const operation of OPERATIONS) {
      if (operation.http) serve(scope, operation, authenticate, bus);
    }
    serveContent(scope, checkAdmin, bus);
    done();
  });
}

/** Who asks: a session, or whoever has the admin key. */
type Authenticate = (request: FastifyRequest) => Promise<SessionCaller | undefined>;

function serve(scope: FastifyInstance, operation: Operation, authenticate: Authenticate, bus: Bus) {
  const sessions = new WeakMap<FastifyRequest, SessionCaller>();
  const columns = csvColumns(operation);
  const { method, path, status = 200, list }: HttpRoute = operation.http ?? { method: 'GET', path: '' };
  scope.route({
    method,
    url: path,
    ...(list !== undefined && { config: { list } }),
    // Before the body is read: who has no key does not get to send eight megabytes.
    onRequest: async (request) => {
      const session = await authenticate(request);
      if (session) sessions.set(request, session);
    },
    handler: async (request, reply) => {
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort(new PurserError('timeout', { message: 'the client went away' })));
      const asked = { ...readQuery(request.query), ...(request.body as object), ...(request.params as object) };
      const session = sessions.get(request);
      const allowed = session ? await confined(operation, asked, session, bus) : asked;
      const answer = await bus.call(operation, allowed, {
        timeoutMs: answerTimeMs(operation, allowed),
        signal: gone.signal,
      });
      if (columns && wantsCsv(request.headers.accept)) return sendCsv(reply.status(status), operation, columns, answer);
      return reply.status(status).send(answer);
    },
  });
}

/** A page; `x-next` is what the next one is asked with. */
function sendCsv(reply: FastifyReply, { http }: Operation, columns: readonly string[], answer: unknown): FastifyReply {
  const { next, ...lists } = answer as Record<string, unknown>;
  if (typeof next === 'string') reply.header('x-next', next);
  const rows = lists[http?.csv ?? ''] as Record<string, unknown>[];
  return reply.type('text/csv; charset=utf-8; header=present').send(toCsv(columns, rows));
}

function answerError(thrown: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const { status, body } = plainErrors(known(thrown, request, log));
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="purser"');
  return reply.status(status).send(body);
}

function known(thrown: unknown, request: FastifyRequest, log: Log): PurserError {
  if (isPurserError(thrown)) return thrown;
  const { statusCode, message } = thrown as { statusCode?: number; message?: string };
  if (statusCode === 413) {
    return new PurserError('payload_too_large', { message: message ?? 'the body is too large', cause: thrown });
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new PurserError('invalid_request', { message: message ?? 'the request is not valid', cause: thrown });
  }
  log.error({ error: thrown, method: request.method, path: request.routeOptions.url }, 'a control API request failed');
  return new PurserError('internal', { cause: thrown });
}
