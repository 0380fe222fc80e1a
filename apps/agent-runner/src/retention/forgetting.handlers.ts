import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type ReplyOf, type RequestOf, sessionsForget } from '@purser/contracts';
import { ForgettingRepository } from './forgetting.repository.js';

@Controller()
export class ForgettingHandlers {
  constructor(private readonly forgetting: ForgettingRepository) {}

  @Serve(sessionsForget)
  async forget({ ids }: RequestOf<typeof sessionsForget>): Promise<ReplyOf<typeof sessionsForget>> {
    await this.forgetting.forget(ids);
    return { forgotten: ids.length };
  }
}
