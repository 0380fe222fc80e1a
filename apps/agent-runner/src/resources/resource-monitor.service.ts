import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { ledgerSum } from '@purser/contracts';
import { Log, Ticker } from '@purser/service';
import { Executors } from '../executors/executors.js';
import type { Session } from '../sessions/session.js';
import { Sessions } from '../sessions/sessions.service.js';
import { assess } from './resources.service.js';

const TICK_MS = 1_000;
const LEDGER_MS = 900;

/** Measures every session once a second and acts on what the rules say. */
@Injectable()
export class ResourceMonitor {
  private readonly ticker = new Ticker(TICK_MS, () => {
    this.ticking ??= this.tick().finally(() => (this.ticking = undefined));
  });
  private ticking: Promise<void> | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly sessions: Sessions,
    private readonly executors: Executors,
    private readonly log: Log,
  ) {}

  start(): void {
    this.ticker.start();
  }

  async stop(): Promise<void> {
    this.ticker.stop();
    await this.ticking;
  }

  private async tick(): Promise<void> {
    const sessions = this.sessions.list.filter((session) => session.isWorking && session.lost === undefined);
    if (sessions.length === 0) return;
    await Promise.all([this.meter(sessions), ...sessions.map((session) => this.measureMemory(session))]);
    for (const session of sessions) {
      session.usage = { ...session.usage, seconds: (this.sessions.clock.monotonic() - session.startedAt) / 1_000 };
      act(session);
    }
  }

  /** Tokens and requests as the gateway metered them. While the ledger is away the last figures stand. */
  private async meter(sessions: readonly Session[]): Promise<void> {
    try {
      const ids = sessions.map((session) => session.id);
      const { sums } = await this.bus.call(ledgerSum, { by: 'session', ids }, { timeoutMs: LEDGER_MS });
      const byId = new Map(sums.map((sum) => [sum.id, sum]));
      for (const session of sessions) {
        const sum = byId.get(session.id);
        if (sum)
          session.usage = { ...session.usage, tokens: sum.inputTokens + sum.outputTokens, requests: sum.requests };
      }
    } catch (error) {
      this.log.debug({ error }, 'the ledger cannot be read; the tokens of the sessions are those of the last time');
    }
  }

  private async measureMemory(session: Session): Promise<void> {
    const { limits, executor } = session.assignment;
    if (limits.memoryMb === undefined) return;
    try {
      const memoryMb = await this.executors.find(executor)?.memoryMb?.(session.id);
      if (memoryMb !== undefined) session.usage = { ...session.usage, memoryMb };
    } catch (error) {
      this.log.debug({ error, sessionId: session.id }, 'the memory of a session could not be measured');
    }
  }
}

function act(session: Session): void {
  const { level, resource, reason } = assess(session.assignment.limits, session.usage);
  const before = session.level;
  session.level = level;
  if (resource === undefined || reason === undefined) return;
  if (level === 'stop') session.stopNow({ kind: 'resource', resource, reason });
  else if (level === 'wrap') session.wrapUp({ kind: 'resource', resource, reason });
  else if (level === 'warning' && before === 'healthy') session.say(`warning: ${reason}`);
}
