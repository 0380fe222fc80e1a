import { Controller } from '@nestjs/common';
import { Hear } from '@purser/bus';
import { vmFacts } from '@purser/contracts';
import { Clock } from '@purser/service';
import { Preemptions } from './preemptions.service.js';

@Controller()
export class PreemptionsHandlers {
  constructor(
    private readonly preemptions: Preemptions,
    private readonly clock: Clock,
  ) {}

  @Hear(vmFacts.preempted)
  heard(): Promise<void> {
    this.preemptions.heard(this.clock.now());
    return Promise.resolve();
  }
}
