import { Controller } from '@nestjs/common';
import { Consume, Serve } from '@purser/bus';
import {
  type Acknowledgement,
  emergencyAcknowledged,
  emergencyReset,
  emergencyStatus,
  emergencyTrigger,
  type Latch,
  type ReplyOf,
  type RequestOf,
} from '@purser/contracts';
import { EmergencyService } from './emergency.service.js';

@Controller()
export class EmergencyHandlers {
  constructor(private readonly emergency: EmergencyService) {}

  @Serve(emergencyTrigger)
  trigger(decision: RequestOf<typeof emergencyTrigger>): Promise<Latch> {
    return this.emergency.trigger(decision);
  }

  @Serve(emergencyReset)
  reset(decision: RequestOf<typeof emergencyReset>): Promise<Latch> {
    return this.emergency.reset(decision);
  }

  @Serve(emergencyStatus)
  status(): Promise<ReplyOf<typeof emergencyStatus>> {
    return this.emergency.status();
  }

  @Consume(emergencyAcknowledged, { durable: 'watchdog-acknowledgements', batch: 50 })
  acknowledge(acknowledgements: Acknowledgement[]): Promise<void> {
    return this.emergency.acknowledge(acknowledgements);
  }
}
