import { Inject, Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { Clock } from '@purser/service';
import { ActiveDriver } from './active-driver.js';
import { VM_CREDENTIALS, type VmCredentials } from './vm-credentials.js';
import { VmRules } from './vm-rules.js';

const CHECK_MS = 20_000;

/** Whether a VM may be asked for at all, and where and for how long. */
@Injectable()
export class VmGate {
  constructor(
    private readonly drivers: ActiveDriver,
    private readonly rules: VmRules,
    @Inject(VM_CREDENTIALS) private readonly credentials: VmCredentials,
    private readonly clock: Clock,
  ) {}

  /** Throws with what is missing and how to mend it. */
  async pass(): Promise<{ provider: string; place: string; now: Date; expiresAt: Date }> {
    const { forbidden } = this.rules;
    if (forbidden) throw forbidden;
    const driver = this.drivers.get();
    if (!driver) throw new PurserError('unavailable', { message: this.drivers.why });
    try {
      await driver.check({ signal: AbortSignal.timeout(CHECK_MS) });
      await this.credentials.check();
    } catch (cause) {
      throw new PurserError('unavailable', { message: `no VM is created: ${(cause as Error).message}`, cause });
    }
    const now = this.clock.now();
    return { provider: driver.provider, place: driver.place, now, expiresAt: this.rules.expiryFrom(now) };
  }
}
