import { Controller, Get, Inject, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Authenticator } from '../keys/authenticator.js';
import { ModelCatalogue } from '../models/model-catalogue.js';
import { speaksAnthropic } from './anthropic-clients.js';

/** What can be asked for, as OpenAI's or Anthropic's clients know it. */
@Controller('v1')
export class ModelsController {
  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    private readonly catalogue: ModelCatalogue,
  ) {}

  @Get('models')
  async models(@Req() { headers, url }: FastifyRequest): Promise<object> {
    await this.authenticator.identify(headers);
    return speaksAnthropic({ path: url, headers }) ? this.catalogue.anthropicList() : this.catalogue.openAiList();
  }
}
