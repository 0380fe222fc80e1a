import { Full, MIB } from '../create-body.ts';
import type { Info, Listed } from './vm-answers.ts';
import { VM_LABELS } from './vm-labels.ts';
import type { VmGateSettings } from './vm-settings.ts';

/** What the engine has, as far as the settings let VMs have it. */
export interface Room {
  memoryMb: number;
  /** The most for one component. */
  cpus: number;
  /** The most for all together; one that is asked for processors of the whole engine leaves others to share them. */
  cpusOfAll: number;
}

export function roomIn({ MemTotal, NCPU }: Info, settings: VmGateSettings): Room {
  const { PURSER_GATE_MEMORY_MB: memoryMb = Infinity, PURSER_GATE_CPUS: cpus = Infinity } = settings;
  return { memoryMb: Math.min(Math.floor(MemTotal / MIB), memoryMb), cpus: Math.min(NCPU, cpus), cpusOfAll: cpus };
}

export function refuseCrowd(wanted: { Memory: number; NanoCpus: number }, others: Listed, most: Room): void {
  const sum = (label: string): number => others.reduce((all, { Labels }) => all + Number(Labels[label] ?? 0), 0);
  const memoryMb = wanted.Memory / MIB;
  const used = sum(VM_LABELS.memoryMb);
  if (used + memoryMb > most.memoryMb)
    throw new Full(`VMs have ${used} MB of the ${most.memoryMb} MB here: no room for ${memoryMb}`);
  const busy = sum(VM_LABELS.nanoCpus);
  if (busy + wanted.NanoCpus > most.cpusOfAll * 1e9)
    throw new Full(
      `VMs have ${busy / 1e9} of the ${most.cpusOfAll} processors for them: none left for ${wanted.NanoCpus / 1e9}`,
    );
}
