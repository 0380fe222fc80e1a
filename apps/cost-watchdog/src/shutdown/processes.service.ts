import { Inject, Injectable } from '@nestjs/common';
import { endTrees, runningPrograms } from '@purser/guard';
import { Log } from '@purser/service';
import { EMERGENCY_FILE, type EmergencyFile } from './emergency-file.js';
import { chooseProcesses, type ProcessChosen, spared } from './process-choice.js';
import type { Emergency, Seen } from './target-list.js';

/** Stops programs of others by their names. What agents started is their runner's affair. */
@Injectable()
export class ProcessesService {
  constructor(
    @Inject(EMERGENCY_FILE) private readonly file: EmergencyFile,
    private readonly log: Log,
  ) {}

  survey(): ProcessChosen[] {
    const { processes } = this.file;
    return processes.stop.length === 0 ? [] : chooseProcesses(runningPrograms(), processes, process.pid);
  }

  /** Stops what is chosen and running now. @returns what went wrong, in words */
  async stopChosen({ targets, radius, signal }: Emergency): Promise<string[]> {
    if (this.file.processes.stop.length === 0) return [];
    try {
      const all = runningPrograms();
      const chosen = chooseProcesses(all, this.file.processes, process.pid);
      const stopping: ProcessChosen[] = [];
      for (const one of chosen) {
        const seen = seenAs(one);
        if (one.verdict === 'protected') targets.set(seen, { fate: 'protected', detail: one.why });
        else if (radius.allows(`process ${seen.id}`)) stopping.push(one);
        else
          targets.set(seen, {
            fate: 'over_cap',
            detail: `more than ${radius.limit} targets (maxTargets): left running`,
          });
      }
      if (signal.aborted) return [];
      const graceMs = this.file.processes.graceSeconds * 1_000;
      const ends = await endTrees(
        stopping.map(({ program }) => program),
        { graceMs, spare: spared(all, chosen, process.pid) },
      );
      for (const [index, one] of stopping.entries()) {
        const fate = ends[index] ?? 'alive';
        const detail = fate === 'alive' ? 'it does not end, or belongs to another user' : one.why;
        targets.set(seenAs(one), { fate, detail });
      }
      return [];
    } catch (error) {
      this.log.error({ error }, 'emergency: processes could not be stopped');
      return [`processes: ${error instanceof Error ? error.message : String(error)}`];
    }
  }
}

export const seenAs = ({ program, name, why }: ProcessChosen): Seen => ({
  kind: 'process',
  id: String(program.pid),
  name,
  detail: why,
  usdPerHour: null,
});
