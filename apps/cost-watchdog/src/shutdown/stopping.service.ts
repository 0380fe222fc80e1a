import { Inject, Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import type { ShutdownTarget } from '@purser/contracts';
import { Clock } from '@purser/service';
import { BlastRadius } from './blast-radius.js';
import { ContainersService, seenAs as container } from './containers.service.js';
import { EMERGENCY_FILE, type EmergencyFile } from './emergency-file.js';
import { ProcessesService, seenAs as program } from './processes.service.js';
import { type Emergency, type Seen, stillLives, TargetList } from './target-list.js';

/** Containers and programs together: what is to be stopped, and what runs though it was. */
@Injectable()
export class StoppingService {
  constructor(
    private readonly containers: ContainersService,
    private readonly processes: ProcessesService,
    private readonly bus: Bus,
    private readonly clock: Clock,
    @Inject(EMERGENCY_FILE) private readonly file: EmergencyFile,
  ) {}

  begin(signal: AbortSignal): Emergency {
    const targets = new TargetList(this.bus.origin.instance, () => this.clock.now());
    return { targets, radius: new BlastRadius(this.file.maxTargets), signal };
  }

  stopContainers(emergency: Emergency): Promise<string[]> {
    return this.containers.stopChosen(emergency);
  }

  stopPrograms(emergency: Emergency): Promise<string[]> {
    return this.processes.stopChosen(emergency);
  }

  keepContainersStopped(emergency: Emergency, returned: (target: ShutdownTarget) => void): Promise<void> {
    return this.containers.keepStopped(emergency, returned);
  }

  /** What a real emergency would do now. */
  async drill(): Promise<{ docker: string; targets: ShutdownTarget[]; problems: string[] }> {
    const { targets, radius } = this.begin(new AbortController().signal);
    const { docker, live, spared, problems } = await this.look();
    for (const { seen, fate } of spared) targets.set(seen, { fate, detail: seen.detail });
    for (const seen of live) {
      const allowed = radius.allows(`${seen.kind} ${seen.id}`);
      targets.set(seen, {
        fate: allowed ? 'would_stop' : 'over_cap',
        detail: allowed ? seen.detail : `more than ${radius.limit} targets (maxTargets): it would be left running`,
      });
    }
    return { docker, targets: targets.all, problems };
  }

  /** After all was stopped: does it really not run? @returns what could not be looked at, in words */
  async lookAgain({ targets }: Emergency): Promise<string[]> {
    const { live, problems } = await this.look();
    const alive = new Set(live.map(({ kind, id }) => `${kind} ${id}`));
    for (const seen of live) {
      const known = targets.get(seen.kind, seen.id);
      if (known && stillLives(known)) continue;
      const detail = known ? `${known.detail}; it runs again` : 'it started meanwhile';
      targets.set(seen, { fate: 'alive', detail });
    }
    if (problems.length > 0) return problems;
    for (const target of targets.all)
      if (target.fate === 'alive' && !alive.has(`${target.kind} ${target.id}`))
        targets.set(target, { fate: 'killed', detail: `${target.detail}; it ended late` });
    return [];
  }

  private async look(): Promise<Look> {
    const found: Look = { docker: '', live: [], spared: [], problems: [] };
    const note = (seen: Seen, verdict: 'stop' | 'protected' | 'left') =>
      verdict === 'stop' ? found.live.push(seen) : found.spared.push({ seen, fate: verdict });
    try {
      const engine = await this.containers.engine();
      found.docker = engine.shown;
      const survey = engine.found ? await this.containers.survey(engine.found) : [];
      for (const { container: one, choice } of survey) note(container(one, choice.why), choice.verdict);
    } catch (error) {
      found.problems.push(`Docker: ${inWords(error)}`);
    }
    try {
      for (const one of this.processes.survey()) note(program(one), one.verdict);
    } catch (error) {
      found.problems.push(`processes: ${inWords(error)}`);
    }
    return found;
  }
}

interface Look {
  docker: string;
  live: Seen[];
  spared: { seen: Seen; fate: 'protected' | 'left' }[];
  problems: string[];
}

const inWords = (error: unknown): string => (error instanceof Error ? error.message.trim() : String(error));
