import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type ReplyOf, type RequestOf, sessionsEffects } from '@purser/contracts';
import { EffectsService } from './effects.service.js';

@Controller()
export class EffectsHandlers {
  constructor(private readonly effects: EffectsService) {}

  @Serve(sessionsEffects)
  list({ id, after, limit }: RequestOf<typeof sessionsEffects>): Promise<ReplyOf<typeof sessionsEffects>> {
    return this.effects.list(id, after, limit);
  }
}
