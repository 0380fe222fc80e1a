import { Controller } from '@nestjs/common';
import { Hear } from '@purser/bus';
import {
  budgetCritical,
  budgetExhausted,
  budgetOk,
  budgetWarning,
  type FactData,
  sessionRefused,
} from '@purser/contracts';
import { Admission } from './admission.service.js';

@Controller()
export class AdmissionHandlers {
  constructor(private readonly admission: Admission) {}

  @Hear(sessionRefused)
  refused(refusal: FactData<typeof sessionRefused>): Promise<void> {
    return this.admission.refused(refusal);
  }

  @Hear(budgetOk)
  ok(): Promise<void> {
    this.admission.lookSoon();
    return Promise.resolve();
  }

  @Hear(budgetWarning)
  warning(): Promise<void> {
    this.admission.lookSoon();
    return Promise.resolve();
  }

  @Hear(budgetCritical)
  critical(): Promise<void> {
    this.admission.lookSoon();
    return Promise.resolve();
  }

  @Hear(budgetExhausted)
  exhausted(): Promise<void> {
    this.admission.lookSoon();
    return Promise.resolve();
  }
}
