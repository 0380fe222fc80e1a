import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { EmergencyReport, Latch as LatchState, ShutdownTarget } from '@purser/contracts';
import { EmergencyStop, Latch, Log } from '@purser/service';
import { AcknowledgementsService } from './acknowledgements.service.js';
import { pause } from './pause.js';
import { type Found, ReportingService } from './reporting.service.js';
import { StoppingService } from './stopping.service.js';
import { type Emergency, inWords, wasStopped } from './target-list.js';

const WATCH_MS = 5_000;

/**
 * What the watchdog itself does when the latch is set, wherever it learns of it: wait for the services, which stop by
 * themselves; stop containers, then programs; look again; tell. Until the latch is cleared it keeps them stopped. A
 * watchdog that starts with the latch set does it all again.
 */
@Injectable()
export class ShutdownService implements OnModuleDestroy {
  private over = new AbortController();
  private working: Promise<unknown> = Promise.resolve();

  constructor(
    stop: EmergencyStop,
    latch: Latch,
    private readonly acknowledgements: AcknowledgementsService,
    private readonly stopping: StoppingService,
    private readonly reporting: ReportingService,
    private readonly log: Log,
  ) {
    stop.register((state) => this.begin(state));
    latch.whenCleared(() => this.over.abort());
  }

  /** One at a time: a newer emergency ends the work on an older one. */
  private begin(latch: LatchState): Promise<string[]> {
    this.over.abort();
    this.over = new AbortController();
    const emergency = this.stopping.begin(this.over.signal);
    const found = this.working.then(() => this.run(latch, emergency));
    this.working = found
      .then((known) => this.keepWatch(known, emergency))
      .catch((error: unknown) => this.log.error({ error, serial: latch.serial }, 'emergency: the watch over it ended'));
    return found.then(() =>
      emergency.targets.all.filter((target) => wasStopped(target) || target.fate === 'alive').map(inWords),
    );
  }

  private async run(latch: LatchState, emergency: Emergency): Promise<Found> {
    const { watchdog, now } = emergency.targets;
    const steps: EmergencyReport['steps'] = [{ step: 'latch set', at: latch.at, watchdog }];
    const done = (step: string, at = now()) => steps.push({ step, at: at.toISOString(), watchdog });
    const { expected, broadcastAt } = await this.acknowledgements.wait(latch, emergency.signal);
    if (broadcastAt) done('broadcast stored', broadcastAt);
    done('acknowledgements waited for');
    const problems = await this.stopping.stopContainers(emergency);
    done('containers stopped');
    problems.push(...(await this.stopping.stopPrograms(emergency)));
    done('programs stopped');
    if (emergency.signal.aborted) problems.push('it was over, or this watchdog ended, before everything was stopped');
    else problems.push(...(await this.stopping.lookAgain(emergency)));
    done('looked again');
    return { latch, expected, steps, problems: [...new Set(problems)] };
  }

  /** While the latch is set: stops again what comes back, from now on, reports, and adds to the report what changes. */
  private async keepWatch(found: Found, emergency: Emergency): Promise<void> {
    // Not after the report: that waits for a ledger that may be slow, or away.
    await Promise.all([
      this.stopping.keepContainersStopped(emergency, this.tellingOnce(found.latch)),
      this.keepProgramsStopped(emergency),
      this.report(found, emergency),
    ]);
  }

  private tellingOnce(latch: LatchState): (target: ShutdownTarget) => void {
    const told = new Set<string>();
    return (target) => {
      if (told.has(target.id)) return;
      told.add(target.id);
      void this.reporting.tellOfReturn(latch, target);
    };
  }

  private async keepProgramsStopped(emergency: Emergency): Promise<void> {
    for (; !emergency.signal.aborted; await pause(WATCH_MS, emergency.signal))
      await this.stopping.stopPrograms(emergency);
  }

  private async report(found: Found, emergency: Emergency): Promise<void> {
    const { signal, targets } = emergency;
    let kept = await this.reporting.fingerprint(found, emergency);
    const first = await this.reporting.compose(found, emergency);
    if (!(await this.reporting.keep(first)).stored) kept = '';
    if (!signal.aborted) await this.reporting.alarm(first);
    this.log.warn(
      { serial: found.latch.serial, targets: targets.all.length, problems: found.problems },
      'emergency: the shutdown is over',
    );
    for (; !signal.aborted; await pause(WATCH_MS, signal)) {
      const now = await this.reporting.fingerprint(found, emergency);
      if (now === kept) continue;
      const { stored } = await this.reporting.keep(await this.reporting.compose(found, emergency));
      if (stored) kept = now;
    }
  }

  async onModuleDestroy(): Promise<void> {
    this.over.abort();
    await this.working;
  }
}
