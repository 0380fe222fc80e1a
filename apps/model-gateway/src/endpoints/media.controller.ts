import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parseBody } from '../bodies/client-body.js';
import type { ModelCall } from '../calls/model-call.js';
import { renderOpenAiError } from '../dialects/openai-errors.js';
import { readEmbeddings } from '../media/embeddings.js';
import { readImages } from '../media/images.js';
import { readTranscription } from '../media/transcriptions.js';
import { readUpload } from '../media/upload.js';
import { ModelEndpoint } from './model-endpoint.js';

const MANNERS = { error: renderOpenAiError };

/** What models do besides chatting, in OpenAI's protocol. */
@Controller('v1')
export class MediaController {
  constructor(private readonly endpoint: ModelEndpoint) {}

  @Post('embeddings')
  embeddings(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.serve(request, reply, async () => readEmbeddings(await parseBody(request.body)));
  }

  @Post('images/generations')
  images(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.serve(request, reply, async () => readImages(await parseBody(request.body)));
  }

  @Post('audio/transcriptions')
  transcriptions(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.serve(request, reply, async () => readTranscription(await readUpload(request)));
  }

  private serve(request: FastifyRequest, reply: FastifyReply, read: () => ModelCall | Promise<ModelCall>) {
    reply.hijack();
    return this.endpoint.serve(request.headers, reply.raw, MANNERS, read);
  }
}
