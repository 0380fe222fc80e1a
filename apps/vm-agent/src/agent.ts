import { setTimeout as pause } from 'node:timers/promises';
import type { Bus } from '@purser/bus';
import { type AgentOrder, type SentBytes, vmsHeartbeat } from '@purser/contracts';
import type { Config } from './config.js';
import { memoryBesideMb } from './health.js';
import { sentBytes } from './traffic.js';
import type { VmWork } from './work.js';

const ANSWER_MS = 4_000;
/** Of the silence that a VM bears: then what runs on it is to wrap up, which it may while its runner is heard. */
const WRAP_PART = 0.8;

export interface AgentParts {
  bus: Bus;
  config: Config;
  work: VmWork;
  /** Resolves when the platform has said that it takes the VM away; undefined where none does. */
  preemption: Promise<void> | undefined;
  say: (message: string, fields?: object) => void;
  now?: () => number;
  /** What has left the VM. */
  sent?: () => Promise<SentBytes | null>;
}

/** Speaks for what one VM is there for, and knows when the VM is to end. */
export class VmAgent {
  private readonly now: () => number;
  private readonly noticed = new AbortController();
  private preemptedAt: number | undefined;
  private hasToldOfIt = false;
  private heardAt: number;
  private sent: SentBytes | undefined;
  private hasEnded = false;

  constructor(private readonly parts: AgentParts) {
    this.now = parts.now ?? Date.now;
    this.heardAt = this.now();
    parts.preemption?.then(
      () => {
        this.preemptedAt = this.now();
        parts.work.endsSoon();
        this.noticed.abort();
      },
      () => undefined,
    );
  }

  /** Resolves with the reason when the VM is to end; requests that it has are answered by then. */
  async run(signal: AbortSignal): Promise<string> {
    const reason = await this.untilEnd(signal);
    await this.parts.work.close();
    this.hasEnded = true;
    // What it has sent since is billed as well; where nobody answers, nobody waits for it.
    if (this.silence < 1) await this.tell();
    return reason;
  }

  /** Of a VM that has done its work, and is there still. It is not healthy: nothing on it answers. */
  async tell(): Promise<void> {
    await this.beat();
  }

  /** Since somebody answered, as a part of what ends the VM. */
  private get silence(): number {
    return (this.now() - this.heardAt) / 1_000 / this.parts.config.PURSER_VM_SILENCE_SECONDS;
  }

  private async untilEnd(signal: AbortSignal): Promise<string> {
    const { config, work } = this.parts;
    while (!signal.aborted) {
      const order = await this.beat();
      if (order === 'end') return 'told to end';
      if (order !== undefined) await work.follow(order);
      if (this.now() / 1_000 >= config.PURSER_VM_EXPIRES) return 'its time is over';
      if (this.sent && this.sent.bytes >= config.PURSER_VM_EGRESS_BYTES)
        return `it has sent the ${config.PURSER_VM_EGRESS_BYTES} bytes that are paid for`;
      if (this.silence >= 1) return `nobody has answered for ${config.PURSER_VM_SILENCE_SECONDS} s`;
      if (this.silence >= WRAP_PART) work.endsSoon();
      await this.rest(signal);
      if (work.over.aborted) return String(work.over.reason);
    }
    return 'stopped';
  }

  private async rest(signal: AbortSignal): Promise<void> {
    const wakes = [signal, this.parts.work.over, ...(this.hasToldOfIt ? [] : [this.noticed.signal])];
    const wake = AbortSignal.any(wakes);
    await pause(this.parts.config.PURSER_VM_HEARTBEAT_MS, undefined, { signal: wake }).catch(() => undefined);
  }

  /** Undefined when nobody answers: what was ordered last goes on. */
  private async beat(): Promise<AgentOrder | undefined> {
    const { bus, config, say, work } = this.parts;
    this.sent = (await (this.parts.sent ?? sentBytes)()) ?? undefined;
    const healthy = !this.hasEnded && (await work.isHealthy());
    const beat = {
      vm: config.PURSER_VM_ID,
      component: config.PURSER_VM_COMPONENT,
      healthy,
      serving: work.serving,
      inFlight: work.inFlight,
      memoryMb: await memoryBesideMb(),
      ...(this.sent ? { sent: this.sent } : {}),
      ...(this.preemptedAt === undefined ? {} : { preemption: new Date(this.preemptedAt).toISOString() }),
    };
    // A notice that comes while this is on its way is told by one more, at once.
    this.hasToldOfIt = this.preemptedAt !== undefined;
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
