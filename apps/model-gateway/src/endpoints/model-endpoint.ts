import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { invalidRequest, isPurserError, PurserError } from '@purser/contracts';
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

  /** Answers in any case, and never rejects. The response is this endpoint's alone: Fastify has let go of it, or never had it. */
  async serve(
    headers: IncomingHttpHeaders,
    response: ServerResponse,
    manners: Manners,
    read: () => ModelCall | Promise<ModelCall>,
  ): Promise<void> {
    let context: CallContext | undefined;
    try {
      // Both are there at once for most calls, which wait for nothing then.
      const identified = this.authenticator.identify(headers, response.socket);
      const caller = identified instanceof Promise ? await identified : identified;
      const reading = read();
      const call = reading instanceof Promise ? await reading : reading;
      const opened = this.calls.open(caller, call, strategyIn(headers[STRATEGY]));
      ({ context } = opened);
      await this.answer(response, manners, opened);
    } catch (error) {
      try {
        this.fail(response, manners, context, error);
      } catch (cause) {
        // Nobody else would hear of it, and the process would end by it.
        this.log.unanswered(cause);
        response.destroy();
      }
    }
  }

  private async answer(response: ServerResponse, manners: Manners, { context, tiers }: OpenCall): Promise<void> {
    const leave = () => {
      if (!response.writableFinished) context.inFlight.abort(new ClientGone());
    };
    response.once('close', leave);
    // It may have left while its body was read.
    if (response.closed) leave();
    try {
      const answer = await this.calls.answer(context, tiers);
      const notes = () => this.notes.headers(context.windows);
      if (answer.kind === 'whole') sendWhole(response, manners, context, answer, notes);
      else await sendStream(response, manners, context, answer, notes);
      this.log.served(context, answer);
    } finally {
      response.removeListener('close', leave);
      context.inFlight.end();
    }
  }

  private fail(response: ServerResponse, manners: Manners, context: CallContext | undefined, thrown: unknown): void {
    if (context) this.log.failed(context, thrown);
    if (thrown instanceof ClientGone) return;
    if (response.headersSent) {
      // Whoever waits must not wait forever.
      if (!response.writableEnded) response.destroy();
      return;
    }
    if (!context && !isPurserError(thrown)) this.log.unexpected(thrown);
    const error = isPurserError(thrown) ? thrown : new PurserError('internal', { cause: thrown });
    const { status, body } = manners.error(error, context?.callId);
    const bytes = bytesOf(body as Record<string, unknown>);
    response
      .writeHead(status, {
        'content-type': 'application/json; charset=utf-8',
        'content-length': bytes.length,
        ...(context ? idHeaders(manners, context) : {}),
        ...failureHeaders(context, error),
        ...this.notes.headers(context?.windows ?? []),
      })
      .end(bytes);
  }
}

type OpenCall = ReturnType<Calls['open']>;

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

function sendWhole(
  response: ServerResponse,
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
  response.writeHead(200, headers).end(bytes);
}

function bytesOf(body: WholeAnswer['body']): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

async function sendStream(
  response: ServerResponse,
  manners: Manners,
  context: CallContext,
  served: Extract<Answer, { kind: 'stream' }>,
  notes: Notes,
): Promise<void> {
  const headers = { ...idHeaders(manners, context), ...answerHeaders(context, served), ...notes() };
  const stream = new EventStream(response, context.inFlight, headers);
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
