import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type ReplyOf, sourcesList } from '@purser/contracts';
import { SourcesService } from './sources.service.js';

@Controller()
export class SourcesHandlers {
  constructor(private readonly sources: SourcesService) {}

  @Serve(sourcesList)
  async list(): Promise<ReplyOf<typeof sourcesList>> {
    return { sources: await this.sources.list() };
  }
}
