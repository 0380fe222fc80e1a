import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type ReplyOf, type RequestOf, spikesReset, spikesRules, spikesSet } from '@purser/contracts';
import { SpikeRules } from './spike-rules.service.js';

@Controller()
export class SpikeHandlers {
  constructor(private readonly rules: SpikeRules) {}

  @Serve(spikesRules)
  read(): Promise<ReplyOf<typeof spikesRules>> {
    return this.rules.read();
  }

  @Serve(spikesSet)
  set(request: RequestOf<typeof spikesSet>): Promise<ReplyOf<typeof spikesSet>> {
    return this.rules.set(request);
  }

  @Serve(spikesReset)
  reset(request: RequestOf<typeof spikesReset>): Promise<ReplyOf<typeof spikesReset>> {
    return this.rules.reset(request);
  }
}
