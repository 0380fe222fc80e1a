import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Executors } from '../executors/executors.js';
import { ResourceMonitor } from '../resources/resource-monitor.service.js';
import { Sessions } from '../sessions/sessions.service.js';
import { Claims } from '../work/claims.service.js';
import { Heartbeats } from '../work/heartbeats.service.js';
import { Workspaces } from '../workspaces/workspaces.service.js';

const SWEEP_MS = 10 * 60_000;
/** main.ts ends the process after 30 s in any case. */
const LAST_MS = 26_000;

/** Starts the parts of the runner in order, and stops them in the reverse one. */
@Injectable()
export class RunnerLifecycle implements OnApplicationBootstrap, OnModuleDestroy {
  private sweep: NodeJS.Timeout | undefined;
  private started = false;

  constructor(
    private readonly workspaces: Workspaces,
    private readonly executors: Executors,
    private readonly sessions: Sessions,
    private readonly heartbeats: Heartbeats,
    private readonly monitor: ResourceMonitor,
    private readonly claims: Claims,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await Promise.all([this.workspaces.open(), this.executors.load()]);
    this.started = true;
    this.heartbeats.start();
    this.monitor.start();
    this.claims.start();
    this.sweep = setInterval(() => void this.workspaces.sweep((taskId) => this.sessions.isRunning(taskId)), SWEEP_MS);
  }

  /** Sessions wrap up, are finished as released, and go on elsewhere or after the next start. */
  async onModuleDestroy(): Promise<void> {
    if (!this.started) return;
    clearInterval(this.sweep);
    this.sessions.wrapAll({ kind: 'shutdown' });
    await Promise.all([this.claims.stop(), this.allEnded()]);
    // A claim that was on its way may have brought more, to be given back.
    await this.allEnded();
    await this.monitor.stop();
    await this.heartbeats.stop();
    this.executors.close();
    await this.workspaces.close();
  }

  private async allEnded(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LAST_MS);
    });
    await Promise.race([Promise.all(this.sessions.list.map(({ ended }) => ended)), late]);
    clearTimeout(timer);
  }
}
