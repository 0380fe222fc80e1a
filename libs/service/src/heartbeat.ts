import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { heartbeat, type Heartbeat } from '@purser/contracts';
import { Log } from './log.js';
import { Ticker } from './ticker.js';

export const HEARTBEAT_MS = 2_000;

type Extras = Pick<
  Heartbeat,
  'latch' | 'budgetsRevision' | 'taskBudgetsRevision' | 'leaseReleases' | 'executors' | 'gateways'
>;

/** Says every 2 s that this instance is alive. */
@Injectable()
export class HeartbeatPublisher implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly startedAt = new Date().toISOString();
  private readonly ticker = new Ticker(HEARTBEAT_MS, () => void this.beat());
  private extras: () => Promise<Extras> = () => Promise.resolve({});

  constructor(
    private readonly bus: Bus,
    private readonly log: Log,
  ) {}

  /** What else each heartbeat carries. When it fails the heartbeat goes out without. */
  carry(extras: () => Promise<Extras>): void {
    this.extras = extras;
  }

  onApplicationBootstrap(): void {
    void this.beat();
    this.ticker.start();
  }

  onModuleDestroy(): void {
    this.ticker.stop();
  }

  async beat(): Promise<void> {
    const { service, instance } = this.bus.origin;
    const extras = await this.extras().catch((error: unknown) => {
      this.log.warn({ error }, 'the heartbeat goes out without the latch: it could not be read');
      return {};
    });
    const beat = {
      service,
      instance,
      version: VERSION,
      startedAt: this.startedAt,
      at: new Date().toISOString(),
      ...extras,
    };
    if (this.bus.connected)
      await this.bus
        .publish(heartbeat, `${service}.${instance}`, beat)
        .catch((error: unknown) => this.log.debug({ error }, 'heartbeat not sent'));
  }
}

export const VERSION = '0.1.0';
