import { Controller } from '@nestjs/common';
import { Hear, Serve } from '@purser/bus';
import { heartbeat, type Heartbeat, type ReplyOf, servicesList } from '@purser/contracts';
import { LiveServices } from './live-services.js';

@Controller()
export class ServicesHandlers {
  constructor(private readonly services: LiveServices) {}

  @Hear(heartbeat)
  hear(beat: Heartbeat): Promise<void> {
    this.services.heard(beat);
    return Promise.resolve();
  }

  @Serve(servicesList)
  list(): Promise<ReplyOf<typeof servicesList>> {
    return Promise.resolve({ services: this.services.list() });
  }
}
