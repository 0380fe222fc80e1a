import { type Bus, SessionLink } from '@purser/bus';
import { sessionLink } from '@purser/contracts';
import type { Config } from '../config.js';
import type { VmWork } from '../work.js';
import { VmProgram } from './program.js';
import { SessionServer } from './session-server.js';

const LOOK_MS = 200;
/** For a program that is killed, where the VM outlives its agent for a moment. */
const KILL_MS = 1_000;

/** The program of one session, whose runner is elsewhere: without that one's signs of life the VM ends. */
export class SessionWork implements VmWork {
  readonly serving = false;
  readonly inFlight = 0;
  private readonly ending = new AbortController();
  private readonly closing = new AbortController();
  private readonly server: SessionServer;
  private link: SessionLink | undefined;
  private readonly linking: Promise<void>;

  static async open(bus: Bus, config: Config, say: (message: string, fields?: object) => void): Promise<SessionWork> {
    return new SessionWork(bus, config, await VmProgram.prepare(config.PURSER_VM_FOLDER), say);
  }

  private constructor(
    bus: Bus,
    config: Config,
    private readonly program: VmProgram,
    say: (message: string, fields?: object) => void,
  ) {
    this.server = new SessionServer(config.PURSER_VM_FOLDER, program, say);
    this.linking = this.attach(bus, config.PURSER_VM_ID).catch((error: Error) => this.end(error.message));
  }

  get over(): AbortSignal {
    return this.ending.signal;
  }

  isHealthy(): Promise<boolean> {
    return this.program.isUp();
  }

  async follow(): Promise<void> {
    // It is not asked for anything but by its runner.
  }

  endsSoon(): void {
    this.server.preempted();
  }

  async close(): Promise<void> {
    this.closing.abort(new Error('the agent ends'));
    await this.linking;
    await this.program.signal('KILL').catch(() => undefined);
    await this.program.ended(AbortSignal.timeout(KILL_MS)).catch(() => undefined);
    this.server.close();
    this.link?.destroy();
  }

  /** From the first word of the runner on, for as long as it says that there will be another. */
  private async attach(bus: Bus, vm: string): Promise<void> {
    const { toVm, fromVm } = sessionLink(vm);
    const link = await SessionLink.accept({ connection: bus.connection, hear: toVm, say: fromVm }, this.closing.signal);
    this.link = link;
    let until = Infinity;
    link.onSign = (forMs) => {
      if (forMs > 0) until = performance.now() + forMs;
    };
    const looking = setInterval(() => {
      if (performance.now() > until) this.end('its runner has given no sign of life');
    }, LOOK_MS);
    this.ending.signal.addEventListener('abort', () => clearInterval(looking));
    link.on('error', (error) => this.end(error.message));
    link.on('close', () => this.end('its runner is done with it'));
    this.server.serve(link);
  }

  private end(reason: string): void {
    this.ending.abort(reason);
  }
}
