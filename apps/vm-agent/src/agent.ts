import { setTimeout as pause } from 'node:timers/promises';
import { type Bus, ComponentPlace } from '@purser/bus';
import { type AgentOrder, type SentBytes, vmsHeartbeat } from '@purser/contracts';
import type { Config } from './config.js';
import { isHealthy, memoryBesideMb } from './health.js';
import { sentBytes } from './traffic.js';

const ANSWER_MS = 4_000;

export interface AgentParts {
  bus: Bus;
  config: Config;
  /** Resolves when the platform has said that it takes the VM away; undefined where none does. */
  preemption: Promise<void> | undefined;
  say: (message: string, fields?: object) => void;
  now?: () => number;
  /** What has left the VM. */
  sent?: () => Promise<SentBytes | null>;
}

/** Speaks for one component on one VM, and knows when the VM is to end. */
export class VmAgent {
  private readonly place: ComponentPlace;
  private readonly now: () => number;
  private readonly noticed = new AbortController();
  private preemptedAt: number | undefined;
  private heardAt: number;
  private sent: SentBytes | undefined;

  constructor(private readonly parts: AgentParts) {
    const { bus, config, say } = parts;
    this.now = parts.now ?? Date.now;
    this.heardAt = this.now();
    this.place = new ComponentPlace(bus, {
      component: config.PURSER_VM_COMPONENT,
      url: config.PURSER_VM_COMPONENT_URL,
      timeoutMs: config.PURSER_VM_REQUEST_SECONDS * 1_000,
      report: (error, what) => say(`${what}: ${error instanceof Error ? error.message : String(error)}`),
    });
    parts.preemption?.then(
      () => {
        this.preemptedAt = this.now();
        this.noticed.abort();
      },
      () => undefined,
    );
  }

  /** Resolves with the reason when the VM is to end; requests that it has are answered by then. */
  async run(signal: AbortSignal): Promise<string> {
    const reason = await this.untilEnd(signal);
    await this.place.close();
    return reason;
  }

  private async untilEnd(signal: AbortSignal): Promise<string> {
    const { config } = this.parts;
    while (!signal.aborted) {
      const order = await this.beat();
      if (order === 'end') return 'told to end';
      // Where the connection is lost just then, the server hears of the place with the next one.
      if (order === 'serve')
        await this.place
          .open()
          .catch((error: unknown) => this.parts.say('could not open its place', { error: String(error) }));
      // Requests may still be answered for minutes.
      else if (order === 'wait') void this.place.close();
      if (this.now() / 1_000 >= config.PURSER_VM_EXPIRES) return 'its time is over';
      if (this.sent && this.sent.bytes >= config.PURSER_VM_EGRESS_BYTES)
        return `it has sent the ${config.PURSER_VM_EGRESS_BYTES} bytes that are paid for`;
      if (this.now() - this.heardAt >= config.PURSER_VM_SILENCE_SECONDS * 1_000)
        return `nobody has answered for ${config.PURSER_VM_SILENCE_SECONDS} s`;
      await this.rest(signal);
    }
    return 'stopped';
  }

  private async rest(signal: AbortSignal): Promise<void> {
    const wake = this.preemptedAt === undefined ? AbortSignal.any([signal, this.noticed.signal]) : signal;
    await pause(this.parts.config.PURSER_VM_HEARTBEAT_MS, undefined, { signal: wake }).catch(() => undefined);
  }

  /** Undefined when nobody answers: what was ordered last goes on. */
  private async beat(): Promise<AgentOrder | undefined> {
    const { bus, config, say } = this.parts;
    this.sent = (await (this.parts.sent ?? sentBytes)()) ?? undefined;
    const healthy = await isHealthy(config.PURSER_VM_COMPONENT_URL, config.PURSER_VM_HEALTH_PATH);
    const beat = {
      vm: config.PURSER_VM_ID,
      component: config.PURSER_VM_COMPONENT,
      healthy,
      serving: this.place.serving,
      inFlight: this.place.inFlight,
      memoryMb: await memoryBesideMb(),
      ...(this.sent ? { sent: this.sent } : {}),
      ...(this.preemptedAt === undefined ? {} : { preemption: new Date(this.preemptedAt).toISOString() }),
    };
    try {
      const answer = await bus.call(vmsHeartbeat, beat, { timeoutMs: ANSWER_MS });
      this.heardAt = this.now();
      return answer.do;
    } catch (error) {
      say('no answer to the heartbeat', { error: (error as Error).message });
      return undefined;
    }
  }
}
