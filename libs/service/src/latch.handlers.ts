import { Controller } from '@nestjs/common';
import { Bus, Hear } from '@purser/bus';
import {
  BUCKETS,
  emergencyAcknowledged,
  emergencyCleared,
  emergencyShutdown,
  emergencyStatus,
  heartbeat,
  type Heartbeat,
  Latch as LatchSchema,
  type Latch as LatchState,
  readsStreams,
  type ServiceName,
} from '@purser/contracts';
import { Latch } from './latch.js';
import { Log } from './log.js';

const ASK_TIMEOUT_MS = 1_000;

type StopAction = (latch: LatchState) => Promise<string[]>;

/** What a service does by itself when the latch is set. One action per service; what it returns is acknowledged. */
export class EmergencyStop {
  private action: StopAction = () => Promise.resolve([]);

  register(action: StopAction): void {
    this.action = action;
  }

  run(latch: LatchState): Promise<string[]> {
    return this.action(latch);
  }
}

/** Keeps this instance's view of the latch, acts on it and acknowledges. */
@Controller()
export class LatchHandlers {
  constructor(
    private readonly bus: Bus,
    private readonly latch: Latch,
    private readonly stop: EmergencyStop,
    private readonly log: Log,
  ) {
    latch.whenSet((state) => void this.actOn(state));
  }

  /**
   * Before the service takes anything. The watchdog's answer counts as confirmed; when it is away, the bucket tells at least
   * whether an emergency outlived the restart, and heartbeats confirm later.
   */
  async readAtStart(): Promise<void> {
    const toAsk = this.bus.origin.service !== 'cost-watchdog';
    const options = { timeoutMs: ASK_TIMEOUT_MS };
    const answer = toAsk ? await this.bus.call(emergencyStatus, {}, options).catch(() => undefined) : undefined;
    if (answer) return this.latch.observe(answer.latch, true);
    if (!readsStreams(this.bus.origin.service)) return;
    const kept = LatchSchema.safeParse(await this.bus.read(BUCKETS.emergency, 'latch').catch(() => undefined));
    if (kept.success) this.latch.observe(kept.data, false);
  }

  @Hear(heartbeat, { under: 'cost-watchdog' satisfies ServiceName })
  hearHeartbeat(beat: Heartbeat): Promise<void> {
    if (beat.latch && beat.service === 'cost-watchdog') this.latch.observe(beat.latch, true);
    return Promise.resolve();
  }

  @Hear(emergencyShutdown)
  hearShutdown(state: LatchState): Promise<void> {
    this.latch.observe(state, false);
    return Promise.resolve();
  }

  @Hear(emergencyCleared)
  hearCleared(state: LatchState): Promise<void> {
    this.latch.observe(state, true);
    return Promise.resolve();
  }

  private async actOn(state: LatchState): Promise<void> {
    const { service, instance } = this.bus.origin;
    this.log.warn({ serial: state.serial, by: state.by, reason: state.reason }, 'emergency: stopping what costs money');
    let stopped: string[];
    try {
      stopped = await this.stop.run(state);
    } catch (error) {
      this.log.error({ error, serial: state.serial }, 'emergency: not everything could be stopped');
      stopped = [`failed: ${error instanceof Error ? error.message : String(error)}`];
    }
    const acknowledgement = { serial: state.serial, service, instance, at: new Date().toISOString(), stopped };
    await this.bus
      .publish(
        emergencyAcknowledged,
        `${service}.${instance}`,
        acknowledgement,
        `ack-${service}-${instance}-${state.serial}`,
      )
      .catch((error: unknown) =>
        this.log.error({ error, serial: state.serial }, 'emergency: the acknowledgement was not stored'),
      );
  }
}
