import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock, Log, Repeating } from '@purser/service';
import { VmRules } from '../vms/vm-rules.js';
import { VmsService } from '../vms/vms.service.js';
import { SessionVmsRepository } from './session-vms.repository.js';

const SWEEP_MS = 5_000;
/** Runners speak every few seconds: whoever has been able to hear for so long has heard those that live. */
const HEARING_MS = 30_000;

/** Deletes the VMs of sessions whose runners are silent. */
@Injectable()
export class UnkeptVms implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly sweep: Repeating;

  constructor(
    private readonly rows: SessionVmsRepository,
    private readonly vms: VmsService,
    private readonly rules: VmRules,
    private readonly clock: Clock,
    log: Log,
  ) {
    this.sweep = new Repeating('VMs of sessions whose runners are silent', SWEEP_MS, () => this.look(), log);
  }

  onApplicationBootstrap(): void {
    this.sweep.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.sweep.stop();
  }

  async look(): Promise<void> {
    if (this.rules.hearingMs < HEARING_MS) return;
    for (const id of await this.rows.unkept(this.clock.now()))
      await this.vms.remove(id, 'the runner of its session has given no sign of life');
  }
}
