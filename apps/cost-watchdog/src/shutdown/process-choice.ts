import { namesOf, type RunningProgram } from '@purser/guard';
import type { EmergencyFile } from './emergency-file.js';
import { namePattern } from './name-pattern.js';

export interface ProcessChosen {
  program: RunningProgram;
  name: string;
  verdict: 'stop' | 'protected';
  why: string;
}

/** How Purser's own programs are started: its services, the command line with all of them in one, the stopper. */
const OWN = /(^|\/)(apps\/[a-z-]+\/dist\/main\.js|bin\/purser(-demo)?(\.mjs)?)$/;

/**
 * Purser's own processes with all that they started, and whatever this process was started by: not the affair of a
 * pattern. Runners stop their agents themselves.
 */
export function ownProcesses(all: readonly RunningProgram[], self: number): Set<number> {
  const byPid = new Map(all.map((program) => [program.pid, program]));
  const roots = all.filter(({ pid, argv }) => pid === self || argv.slice(0, 3).some((text) => OWN.test(text)));
  const own = withAllBelow(all, roots).add(1);
  for (let above = byPid.get(self); above && above.ppid > 1; above = byPid.get(above.ppid)) own.add(above.ppid);
  return own;
}

function withAllBelow(all: readonly RunningProgram[], roots: readonly RunningProgram[]): Set<number> {
  const pids = new Set(roots.map(({ pid }) => pid));
  for (let before = -1; before !== pids.size;) {
    before = pids.size;
    for (const { pid, ppid } of all) if (pids.has(ppid)) pids.add(pid);
  }
  return pids;
}

/** Matching programs; of those that one of them started only the topmost, since it is stopped with all that is below. */
export function chooseProcesses(
  all: readonly RunningProgram[],
  { stop, protect }: EmergencyFile['processes'],
  self: number,
): ProcessChosen[] {
  const [wanted, kept] = [namePattern(stop), namePattern(protect)];
  const own = ownProcesses(all, self);
  const chosen = all.flatMap((program): ProcessChosen[] => {
    const names = namesOf(program);
    const name = names.findLast(wanted);
    if (name === undefined || own.has(program.pid)) return [];
    if (names.some(kept)) return [{ program, name, verdict: 'protected', why: 'protected in emergency.json' }];
    return [{ program, name, verdict: 'stop', why: 'its name is in emergency.json' }];
  });
  const stopping = new Set(chosen.filter(({ verdict }) => verdict === 'stop').map(({ program }) => program.pid));
  return chosen.filter(({ program, verdict }) => verdict === 'protected' || !stopping.has(program.ppid));
}

/** What must not be touched while the trees of others are ended. */
export function spared(all: readonly RunningProgram[], chosen: readonly ProcessChosen[], self: number): Set<number> {
  const kept = chosen.filter(({ verdict }) => verdict === 'protected').map(({ program }) => program);
  return new Set([...ownProcesses(all, self), ...withAllBelow(all, kept)]);
}
