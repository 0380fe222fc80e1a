import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { chatCompletions } from '../dialects/chat-completions/chat-completions.js';
import type { Dialect } from '../dialects/dialect.js';
import { messages } from '../dialects/messages/messages.js';
import { responses } from '../dialects/responses/responses.js';
import { ChatEndpoint } from './chat-endpoint.js';

/** The chat endpoints, each in its own protocol. Of their requests only those come here that `DirectChats` leaves. */
@Controller('v1')
export class ChatController {
  constructor(private readonly endpoint: ChatEndpoint) {}

  @Post('chat/completions')
  chatCompletions(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.serve(chatCompletions, request, reply);
  }

  @Post('messages')
  messages(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.serve(messages, request, reply);
  }

  @Post('responses')
  responses(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.serve(responses, request, reply);
  }

  private serve(dialect: Dialect, { headers, body }: FastifyRequest, reply: FastifyReply): Promise<void> {
    reply.hijack();
    return this.endpoint.serve(dialect, { headers, body }, reply.raw);
  }
}
