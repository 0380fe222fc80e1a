import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import {
  type ReplyOf,
  type RequestOf,
  sessionsArtifacts,
  sessionsCheckpoint,
  sessionsContent,
  sessionsHandoff,
  sessionsLogs,
} from '@purser/contracts';
import { Artifacts } from './artifacts.service.js';
import { RecordsService } from './records.service.js';

@Controller()
export class RecordsHandlers {
  constructor(
    private readonly records: RecordsService,
    private readonly kept: Artifacts,
  ) {}

  @Serve(sessionsLogs)
  logs({ id, after, limit }: RequestOf<typeof sessionsLogs>): Promise<ReplyOf<typeof sessionsLogs>> {
    return this.records.readLogs(id, after, limit);
  }

  @Serve(sessionsHandoff)
  handoff({ id, epoch }: RequestOf<typeof sessionsHandoff>): Promise<ReplyOf<typeof sessionsHandoff>> {
    return this.records.handoff(id, epoch);
  }

  @Serve(sessionsCheckpoint)
  checkpoint({ id }: RequestOf<typeof sessionsCheckpoint>): Promise<ReplyOf<typeof sessionsCheckpoint>> {
    return this.records.checkpoint(id);
  }

  @Serve(sessionsContent)
  content(request: RequestOf<typeof sessionsContent>): Promise<ReplyOf<typeof sessionsContent>> {
    return this.records.content(request);
  }

  @Serve(sessionsArtifacts)
  async artifacts({ id }: RequestOf<typeof sessionsArtifacts>): Promise<ReplyOf<typeof sessionsArtifacts>> {
    return { artifacts: await this.kept.list(id) };
  }
}
