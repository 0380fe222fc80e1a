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
    return this.admission.look();
  }

  @Hear(budgetWarning)
  warning(): Promise<void> {
    return this.admission.look();
  }

  @Hear(budgetCritical)
  critical(): Promise<void> {
    return this.admission.look();
  }

  @Hear(budgetExhausted)
  exhausted(): Promise<void> {
    return this.admission.look();
  }
}
