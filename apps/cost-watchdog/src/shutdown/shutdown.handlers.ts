import { Controller } from '@nestjs/common';
import { Bus, Hear, Serve } from '@purser/bus';
import {
  emergencyDrill,
  type Heartbeat,
  heartbeat,
  type ReplyOf,
  reportsGet,
  reportsList,
  type RequestOf,
} from '@purser/contracts';
import { Clock } from '@purser/service';
import { ReportsService } from './reports.service.js';
import { Responders } from './responders.js';
import { StoppingService } from './stopping.service.js';

@Controller()
export class ShutdownHandlers {
  constructor(
    private readonly stopping: StoppingService,
    private readonly reports: ReportsService,
    private readonly responders: Responders,
    private readonly bus: Bus,
    private readonly clock: Clock,
  ) {}

  @Serve(emergencyDrill)
  async drill(): Promise<ReplyOf<typeof emergencyDrill>> {
    const found = await this.stopping.drill();
    const watchdog = this.bus.origin.instance;
    return { at: this.clock.now().toISOString(), watchdog, services: this.responders.alive(), ...found };
  }

  @Serve(reportsList)
  list({ limit }: RequestOf<typeof reportsList>): Promise<ReplyOf<typeof reportsList>> {
    return this.reports.list(limit);
  }

  @Serve(reportsGet)
  get({ id }: RequestOf<typeof reportsGet>): Promise<ReplyOf<typeof reportsGet>> {
    return this.reports.get(id);
  }

  @Hear(heartbeat)
  hear(beat: Heartbeat): Promise<void> {
    this.responders.hear(beat);
    return Promise.resolve();
  }
}
