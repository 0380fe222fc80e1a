import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type ReplyOf, type RequestOf, sourcesList, sourcesRead } from '@purser/contracts';
import { SourcePoller } from './poller.service.js';
import { SourcesService } from './sources.service.js';

@Controller()
export class SourcesHandlers {
  constructor(
    private readonly sources: SourcesService,
    private readonly poller: SourcePoller,
  ) {}

  @Serve(sourcesList)
  async list(): Promise<ReplyOf<typeof sourcesList>> {
    return { sources: await this.sources.list() };
  }

  @Serve(sourcesRead)
  read({ name }: RequestOf<typeof sourcesRead>): Promise<ReplyOf<typeof sourcesRead>> {
    return this.poller.hasten(name);
  }
}
