import { Controller, Get } from '@nestjs/common';
import { type DailyHealth, DailyCapService } from './daily-cap.service.js';

/** How today's spending stands, for whoever looks after this machine; without a key, as all of /health. */
@Controller()
export class SpendHealthController {
  constructor(private readonly cap: DailyCapService) {}

  @Get('health')
  async health(): Promise<DailyHealth & { status: string }> {
    return { status: 'ok', ...(await this.cap.health()) };
  }
}
