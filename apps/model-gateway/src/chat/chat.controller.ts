import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { PurserError } from '@purser/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Authenticator } from '../keys/authenticator.js';
import { ModelCatalogue } from '../models/model-catalogue.js';
import { CallLog } from './call-log.js';
import { type Answer, type CallContext, ChatService } from './chat.service.js';
import { ClientGone } from './calls-in-flight.js';
import { readChatCall } from './chat-request.js';
import { answerHeaders, costHeaders, failureHeaders } from './response-headers.js';
import { EventStream } from './event-stream.js';

/** The model endpoints, as OpenAI's clients know them. */
@Controller('v1')
export class ChatController {
  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    private readonly chat: ChatService,
    private readonly catalogue: ModelCatalogue,
    private readonly calls: CallLog,
  ) {}

  @Get('models')
  async models(@Req() request: FastifyRequest): Promise<object> {
    await this.authenticator.identify(request.headers);
    return this.catalogue.openAiList();
  }

  @Post('chat/completions')
  @HttpCode(200)
  async complete(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.authenticator.identify(request.headers);
    const { context, tiers } = this.chat.open(caller, readChatCall(request.body));
    reply.header('x-request-id', context.callId);
    const leave = () => {
      if (!reply.raw.writableFinished) context.inFlight.abort(new ClientGone());
    };
    reply.raw.once('close', leave);
    try {
      const answer = await this.chat.answer(context, tiers);
      if (answer.kind === 'whole') await this.sendWhole(reply, context, answer);
      else await this.sendStream(reply, context, answer);
      this.calls.served(context, answer);
    } catch (error) {
      this.calls.failed(context, error);
      if (error instanceof ClientGone) reply.hijack();
      else if (!reply.sent) {
        reply.headers(failureHeaders(context, error as PurserError));
        throw error;
      }
    } finally {
      reply.raw.removeListener('close', leave);
      context.inFlight.end();
    }
  }

  private async sendWhole(
    reply: FastifyReply,
    context: CallContext,
    answer: Extract<Answer, { kind: 'whole' }>,
  ): Promise<void> {
    await reply.headers({ ...answerHeaders(context, answer), ...costHeaders(context) }).send(answer.completion);
  }

  private async sendStream(
    reply: FastifyReply,
    context: CallContext,
    answer: Extract<Answer, { kind: 'stream' }>,
  ): Promise<void> {
    reply.hijack();
    const stream = new EventStream(reply.raw, context.inFlight.signal, {
      'x-request-id': context.callId,
      ...answerHeaders(context, answer),
    });
    try {
      for await (const chunk of answer.chunks) await stream.send(chunk);
      stream.done();
    } catch (error) {
      stream.fail(error);
      throw error;
    }
  }
}
