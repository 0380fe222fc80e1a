import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type ReplyOf, type RequestOf, type SignalRecord, tasksSignal, tasksSignals } from '@purser/contracts';
import { SignalsService } from './signals.service.js';

@Controller()
export class SignalsHandlers {
  constructor(private readonly signals: SignalsService) {}

  @Serve(tasksSignal)
  signal(request: RequestOf<typeof tasksSignal>): Promise<SignalRecord> {
    return this.signals.send(request);
  }

  @Serve(tasksSignals)
  list(request: RequestOf<typeof tasksSignals>): Promise<ReplyOf<typeof tasksSignals>> {
    return this.signals.list(request);
  }
}
