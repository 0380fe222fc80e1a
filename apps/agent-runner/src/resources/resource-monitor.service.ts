import { Injectable } from '@nestjs/common';
import { Log, Ticker } from '@purser/service';
import { Executors } from '../executors/executors.js';
import type { Session } from '../sessions/session.js';
import { Sessions } from '../sessions/sessions.service.js';
import { Metering } from './metering.service.js';
import { Overheads } from './overheads.service.js';

const TICK_MS = 1_000;

/** Measures every session once a second, and has it act on what the rules say. */
@Injectable()
export class ResourceMonitor {
  private readonly ticker = new Ticker(TICK_MS, () => {
    this.ticking ??= this.tick().finally(() => (this.ticking = undefined));
  });
  private ticking: Promise<void> | undefined;
  /** Sessions whose memory is being asked for: an executor that is slow to tell it holds up no other limit. */
  private readonly asking = new Set<string>();

  constructor(
    private readonly sessions: Sessions,
    private readonly executors: Executors,
    private readonly metering: Metering,
    private readonly overheads: Overheads,
    private readonly log: Log,
  ) {}

  start(): void {
    this.ticker.start();
  }

  async stop(): Promise<void> {
    this.ticker.stop();
    await this.ticking;
    await this.overheads.stop();
  }

  private async tick(): Promise<void> {
    const sessions = this.sessions.list.filter((session) => session.isWorking && session.lost === undefined);
    if (sessions.length === 0) return;
    for (const session of sessions) this.overheads.watch(session);
    for (const session of sessions) void this.measureMemory(session);
    await Promise.all([this.metering.tokens(sessions), this.metering.dollars(sessions)]);
    for (const session of sessions) {
      session.meter.tick();
      session.look(false);
    }
  }

  private async measureMemory({ id, meter, assignment }: Session): Promise<void> {
    if (assignment.limits.memoryMb === undefined || this.asking.has(id)) return;
    this.asking.add(id);
    try {
      const memoryMb = await this.executors.of(assignment)?.memoryMb?.(id);
      if (memoryMb !== undefined) meter.usage = { ...meter.usage, memoryMb };
    } catch (error) {
      this.log.debug({ error, sessionId: id }, 'the memory of a session could not be measured');
    } finally {
      this.asking.delete(id);
    }
  }
}
