import type { FastifyInstance, FastifyRequest } from 'fastify';
import { readQuery } from '../api/query.js';
import { EventClient } from './event-client.js';
import { eventRequest } from './event-filter.js';
import type { LiveEvents } from './live-events.service.js';

const PATIENCE_MS = 20_000;

/** `GET /v1/events`: what happens, as it happens, as server-sent events. */
export function serveEvents(
  scope: FastifyInstance,
  authenticate: (request: FastifyRequest) => void,
  events: LiveEvents,
  patienceMs = PATIENCE_MS,
): void {
  scope.route({
    method: 'GET',
    url: '/v1/events',
    onRequest: (request, _reply, next) => {
      authenticate(request);
      next();
    },
    handler: async (request, reply) => {
      const asked = eventRequest(readQuery(request.query), request.headers['last-event-id'] as string | undefined);
      const client = new EventClient(reply.raw, events, asked, patienceMs);
      await client.serve(() => void reply.hijack());
    },
  });
}
