import { Controller, Inject } from '@nestjs/common';
import { Replies, type ReplyMessage, ServeReplies } from '@purser/bus';
import { modelsComplete, PurserError, type RequestOf } from '@purser/contracts';
import { bodyOf } from '../bodies/client-body.js';
import { answerHeaders, costHeaders } from '../calls/answer-headers.js';
import { CallLog } from '../calls/call-log.js';
import { type Answer, type CallContext, Calls } from '../calls/calls.service.js';
import { pulled } from '../calls/pulled.js';
import type { WholeAnswer } from '../calls/way.js';
import { chatCompletions } from '../dialects/chat-completions/chat-completions.js';
import { ChatModelCall } from '../dialects/chat-model-call.js';
import type { Dialect } from '../dialects/dialect.js';
import { messages } from '../dialects/messages/messages.js';
import { responses } from '../dialects/responses/responses.js';
import { formatEvent } from '../dialects/server-sent-events.js';
import { Authenticator } from '../keys/authenticator.js';

type Request = RequestOf<typeof modelsComplete>;
type Completion = { answer: Record<string, unknown> } | { frames: string };
type Message = ReplyMessage<Completion>;

const DIALECTS: Readonly<Record<Request['dialect'], Dialect>> = {
  'chat-completions': chatCompletions,
  responses,
  messages,
};

/** The chat endpoints for those on the bus. */
@Controller()
export class CompleteHandlers {
  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    private readonly calls: Calls,
    private readonly log: CallLog,
  ) {}

  @ServeReplies(modelsComplete)
  async complete({ dialect: name, body, key, timeoutMs }: Request): Promise<Replies<Completion>> {
    const caller = await this.authenticator.identify({ authorization: `Bearer ${key}` });
    const dialect = DIALECTS[name];
    const { context, tiers } = this.calls.open(caller, new ChatModelCall(dialect, dialect.read(bodyOf(body), {})));
    return new Replies(this.answer(context, dialect, timeoutMs, () => this.calls.answer(context, tiers)));
  }

  private async *answer(
    context: CallContext,
    dialect: Dialect,
    timeoutMs: number,
    walk: () => Promise<Answer>,
  ): AsyncGenerator<Message> {
    const late = setTimeout(
      () => context.inFlight.abort(new PurserError('timeout', { message: `no whole answer within ${timeoutMs} ms` })),
      timeoutMs,
    );
    try {
      const answer = await walk();
      if (answer.kind === 'whole') yield whole(context, answer);
      else yield* stream(context, answer, dialect);
      this.log.served(context, answer);
    } catch (error) {
      this.log.failed(context, error);
      throw error;
    } finally {
      clearTimeout(late);
      context.inFlight.end();
    }
  }
}

const headersOf = (context: CallContext, answer: Answer) => ({
  'x-request-id': context.callId,
  ...answerHeaders(context, answer),
});

const whole = (context: CallContext, answer: Extract<Answer, { kind: 'whole' }>): Message => ({
  headers: { ...headersOf(context, answer), ...costHeaders(context) },
  data: { answer: objectOf(answer.answer.body) },
});

async function* stream(
  context: CallContext,
  answer: Extract<Answer, { kind: 'stream' }>,
  { done }: Dialect,
): AsyncGenerator<Message> {
  const headers = headersOf(context, answer);
  for await (const frames of pulled(answer.frames)) {
    context.inFlight.throwIfAborted();
    yield { headers, data: { frames } };
  }
  if (done) yield { headers, data: { frames: formatEvent(done) } };
  yield { headers: { ...headers, ...costHeaders(context) } };
}

/** Answers of chat models are JSON objects; what came as bytes was read as one already. */
function objectOf(body: WholeAnswer['body']): Record<string, unknown> {
  if (typeof body === 'object' && !(body instanceof Uint8Array)) return body;
  const text = typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  return JSON.parse(text) as Record<string, unknown>;
}
