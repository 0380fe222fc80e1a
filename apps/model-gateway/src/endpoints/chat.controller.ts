import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ClientBody, parseBody } from '../bodies/client-body.js';
import { chatCompletions } from '../dialects/chat-completions/chat-completions.js';
import { ChatModelCall } from '../dialects/chat-model-call.js';
import type { Dialect } from '../dialects/dialect.js';
import { messages } from '../dialects/messages/messages.js';
import { responses } from '../dialects/responses/responses.js';
import { ModelEndpoint } from './model-endpoint.js';

/** The chat endpoints, each in its own protocol. */
@Controller('v1')
export class ChatController {
  constructor(private readonly endpoint: ModelEndpoint) {}

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

  private serve(dialect: Dialect, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const read = (body: ClientBody) => new ChatModelCall(dialect, dialect.read(body, request.headers));
    return this.endpoint.serve(request, reply, dialect, () => {
      const body = parseBody(request.body);
      return body instanceof Promise ? body.then(read) : read(body);
    });
  }
}
