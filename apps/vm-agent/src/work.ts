import { type Bus, ComponentPlace } from '@purser/bus';
import type { AgentOrder } from '@purser/contracts';
import type { Config } from './config.js';
import { isHealthy } from './health.js';

/** What a VM is there for. */
export interface VmWork {
  /** Whether it takes requests from the bus, and how many it has not answered yet. */
  readonly serving: boolean;
  readonly inFlight: number;
  /** Aborted, with the reason in words, when the VM is not needed any more. */
  readonly over: AbortSignal;
  isHealthy(): Promise<boolean>;
  follow(order: Exclude<AgentOrder, 'end'>): Promise<void>;
  /** The platform takes the VM away, or nobody has answered its agent for nearly as long as it bears. May be told again. */
  endsSoon(): void;
  /** Resolves when what was begun is done. */
  close(): Promise<void>;
}

/** A component that answers HTTP. */
export class ComponentWork implements VmWork {
  readonly over: AbortSignal = new AbortController().signal;
  private readonly place: ComponentPlace;

  constructor(
    bus: Bus,
    private readonly config: Config & { PURSER_VM_COMPONENT_URL: string },
    private readonly say: (message: string, fields?: object) => void,
  ) {
    this.place = new ComponentPlace(bus, {
      component: config.PURSER_VM_COMPONENT,
      url: config.PURSER_VM_COMPONENT_URL,
      timeoutMs: config.PURSER_VM_REQUEST_SECONDS * 1_000,
      report: (error, what) => say(`${what}: ${error instanceof Error ? error.message : String(error)}`),
    });
  }

  get serving(): boolean {
    return this.place.serving;
  }

  get inFlight(): number {
    return this.place.inFlight;
  }

  isHealthy(): Promise<boolean> {
    return isHealthy(this.config.PURSER_VM_COMPONENT_URL, this.config.PURSER_VM_HEALTH_PATH);
  }

  async follow(order: 'wait' | 'serve'): Promise<void> {
    // Where the connection is lost just then, the server hears of the place with the next one.
    if (order === 'serve')
      await this.place.open().catch((error: unknown) => this.say('could not open its place', { error: String(error) }));
    // Requests may still be answered for minutes.
    else void this.place.close();
  }

  endsSoon(): void {
    // The heartbeat tells of a preemption, and whoever moves components acts by it.
  }

  close(): Promise<void> {
    return this.place.close();
  }
}
