import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Bus } from '@purser/bus';
import { PurserError, type ReplyOf, sessionsContent } from '@purser/contracts';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const CALL_TIMEOUT_MS = 30_000;

interface Wanted {
  id: string;
  artifact?: string;
}

/** What sessions keep, as bytes: it comes over the bus in pieces, of which one is in memory. */
export function serveContent(
  scope: FastifyInstance,
  authenticate: (request: FastifyRequest) => void,
  bus: Pick<Bus, 'call'>,
): void {
  for (const url of ['/v1/tasks/:id/checkpoint/content', '/v1/tasks/:id/artifacts/:artifact']) {
    scope.route({
      method: 'GET',
      url,
      onRequest: (request, _reply, next) => {
        authenticate(request);
        next();
      },
      handler: async (request, reply) => {
        const wanted = request.params as Wanted;
        const first = await bus.call(sessionsContent, wanted, { timeoutMs: CALL_TIMEOUT_MS });
        return (
          reply
            .header('content-length', first.size)
            .header('etag', `"${first.digest}"`)
            // A page of an agent's making must not be shown as one of Purser's.
            .header('content-disposition', 'attachment')
            .header('x-content-type-options', 'nosniff')
            .type('application/octet-stream')
            .send(Readable.from(pieces(bus, wanted, first)))
        );
      },
    });
  }
}

/** The last piece is held back until all of them are known to be what was saved: a client that has it all has the right thing. */
async function* pieces(
  bus: Pick<Bus, 'call'>,
  wanted: Wanted,
  first: ReplyOf<typeof sessionsContent>,
): AsyncGenerator<Buffer> {
  const { digest, pieces: count } = first;
  const hash = createHash('sha256');
  for (let piece = 0; piece < count; piece += 1) {
    const { bytes } =
      piece === 0
        ? first
        : await bus.call(sessionsContent, { ...wanted, digest, piece }, { timeoutMs: CALL_TIMEOUT_MS });
    const decoded = Buffer.from(bytes, 'base64');
    hash.update(decoded);
    if (piece === count - 1 && `sha256:${hash.digest('hex')}` !== digest)
      throw new PurserError('internal', { message: 'what is kept is not what was saved' });
    yield decoded;
  }
}
