import { Inject, Injectable } from '@nestjs/common';
import { invalidRequest, isPurserError, PurserError } from '@purser/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answerHeaders, costHeaders, failureHeaders } from '../calls/answer-headers.js';
import { CallLog } from '../calls/call-log.js';
import { ClientGone } from '../calls/calls-in-flight.js';
import { type Answer, type CallContext, Calls } from '../calls/calls.service.js';
import type { ModelCall } from '../calls/model-call.js';
import type { WholeAnswer } from '../calls/way.js';
import { formatComment, formatEvent, type SseEvent } from '../dialects/server-sent-events.js';
import { Authenticator } from '../keys/authenticator.js';
import { BudgetNotes } from '../leases/budget-notes.js';
import { Strategy } from '../models/strategies.js';
import { EventStream } from './event-stream.js';

/** How an endpoint tells its clients what went wrong, and how its streams end. */
export interface Manners {
  readonly done?: SseEvent | undefined;
  /** Carries the call's id too, besides `x-request-id`. */
  readonly requestIdHeader?: string | undefined;
  error(error: PurserError, callId?: string): { status: number; body: object };
  errorEvent?(error: PurserError): SseEvent;
}

/** What every model endpoint does: who asks, what for, the answer or the error in the client's own protocol. */
@Injectable()
export class ModelEndpoint {
  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    private readonly calls: Calls,
    private readonly notes: BudgetNotes,
    private readonly log: CallLog,
  ) {}

  async serve(
    request: FastifyRequest,
    reply: FastifyReply,
    manners: Manners,
    read: () => ModelCall | Promise<ModelCall>,
  ): Promise<void> {
    let context: CallContext | undefined;
    try {
      const caller = await this.authenticator.identify(request.headers);
      const opened = this.calls.open(caller, await read(), strategyIn(request.headers[STRATEGY]));
      ({ context } = opened);
      await this.answer(reply, manners, opened.context, () => this.calls.answer(opened.context, opened.tiers));
    } catch (error) {
      this.fail(reply, manners, context, error);
    }
  }

  private async answer(
    reply: FastifyReply,
    manners: Manners,
    context: CallContext,
    walk: () => Promise<Answer>,
  ): Promise<void> {
    const leave = () => {
      if (!reply.raw.writableFinished) context.inFlight.abort(new ClientGone());
    };
    reply.raw.once('close', leave);
    // It may have left while its body was read.
    if (reply.raw.closed) leave();
    try {
      const answer = await walk();
      const notes = () => this.notes.headers(context.windows);
      if (answer.kind === 'whole') sendWhole(reply, manners, context, answer, notes);
      else await sendStream(reply, manners, context, answer, notes);
      this.log.served(context, answer);
    } finally {
      reply.raw.removeListener('close', leave);
      context.inFlight.end();
    }
  }

  private fail(reply: FastifyReply, manners: Manners, context: CallContext | undefined, thrown: unknown): void {
    if (context) this.log.failed(context, thrown);
    if (thrown instanceof ClientGone) {
      reply.hijack();
      return;
    }
    if (reply.sent || reply.raw.headersSent) {
      // Taken from Fastify, and not brought to an end: whoever waits must not wait forever.
      if (!reply.raw.writableEnded) reply.raw.destroy();
      return;
    }
    if (!context && !isPurserError(thrown)) this.log.unexpected(thrown);
    const error = isPurserError(thrown) ? thrown : new PurserError('internal', { cause: thrown });
    const { status, body } = manners.error(error, context?.callId);
    reply
      .status(status)
      .headers({
        ...(context ? idHeaders(manners, context) : {}),
        ...failureHeaders(context, error),
        ...this.notes.headers(context?.windows ?? []),
      })
      .send(body);
  }
}

const STRATEGY = 'x-purser-strategy';

function strategyIn(header: string | string[] | undefined): Strategy | undefined {
  if (header === undefined) return undefined;
  const parsed = Strategy.safeParse(header);
  if (!parsed.success) throw invalidRequest(`the header ${STRATEGY}`, parsed.error);
  return parsed.data;
}

function idHeaders({ requestIdHeader: other }: Manners, { callId }: CallContext): Record<string, string> {
  return other === undefined ? { 'x-request-id': callId } : { 'x-request-id': callId, [other]: callId };
}

/** How the budgets of a call stand at the moment. */
type Notes = () => Record<string, string>;

/** Past Fastify, whose hooks and serialisers have nothing to do here, as the streams go. */
function sendWhole(
  reply: FastifyReply,
  manners: Manners,
  context: CallContext,
  served: Extract<Answer, { kind: 'whole' }>,
  notes: Notes,
): void {
  const { body, contentType } = served.answer;
  const bytes = bytesOf(body);
  const headers = {
    'content-type': contentType ?? (typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json'),
    'content-length': bytes.length,
    ...idHeaders(manners, context),
    ...answerHeaders(context, served),
    ...costHeaders(context),
    ...notes(),
  };
  reply.hijack();
  reply.raw.writeHead(200, headers).end(bytes);
}

function bytesOf(body: WholeAnswer['body']): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

async function sendStream(
  reply: FastifyReply,
  manners: Manners,
  context: CallContext,
  served: Extract<Answer, { kind: 'stream' }>,
  notes: Notes,
): Promise<void> {
  const headers = { ...idHeaders(manners, context), ...answerHeaders(context, served), ...notes() };
  reply.hijack();
  const stream = new EventStream(reply.raw, context.inFlight, headers);
  try {
    await served.frames.to((frames) => stream.send(frames));
    // What was not known when the headers left.
    const late = Object.entries({ ...costHeaders(context), ...notes() });
    const comments = late.map(([name, value]) => formatComment(`${name} ${value}`)).join('');
    stream.end(manners.done ? comments + formatEvent(manners.done) : comments);
  } catch (error) {
    const known = isPurserError(error) ? error : new PurserError('internal', { cause: error });
    if (manners.errorEvent) stream.end(formatEvent(manners.errorEvent(known)));
    throw error;
  }
}
