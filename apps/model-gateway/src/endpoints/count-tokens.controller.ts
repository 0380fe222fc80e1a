import { Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parseBody } from '../bodies/client-body.js';
import { estimateInputTokens } from '../dialects/messages/estimate.js';
import { readPrompt } from '../dialects/messages/request.js';
import { toChat } from '../dialects/messages/to-chat.js';
import { Authenticator } from '../keys/authenticator.js';
import { TokenCounts } from '../token-counts/token-counts.service.js';

/** Anthropic's `POST /v1/messages/count_tokens`. */
@Controller('v1/messages')
export class CountTokensController {
  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    private readonly counts: TokenCounts,
  ) {}

  @Post('count_tokens')
  @HttpCode(200)
  async countTokens(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<{ input_tokens: number }> {
    await this.authenticator.identify(request.headers);
    const call = readPrompt(await parseBody(request.body), request.headers);
    const gone = new AbortController();
    const leave = () => gone.abort();
    reply.raw.once('close', leave);
    try {
      const { tokens, tier } = await this.counts.count({ call, toChat, estimate: estimateInputTokens }, gone.signal);
      if (tier) reply.headers({ 'x-purser-tier': tier.name, 'x-purser-provider': tier.provider });
      else reply.header('x-purser-estimated', 'true');
      return { input_tokens: tokens };
    } finally {
      reply.raw.removeListener('close', leave);
    }
  }
}
