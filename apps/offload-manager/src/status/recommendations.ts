import type { ComponentStatus, MemoryFigures } from '@purser/contracts';

export interface Standing {
  components: readonly ComponentStatus[];
  memory: MemoryFigures;
  heavyMb: number;
  minWeight: number;
  offloadMb: number;
  dryRun: boolean;
  autoMigration: boolean;
  provider: string | null;
  why: string;
  /** Why nothing moves by itself though there are VMs. */
  pointless: string | undefined;
}

const SHOWN = 5;

/** What a person could do, the most useful first. */
export function recommendationsFor(standing: Standing): string[] {
  const { components, memory, heavyMb, minWeight, offloadMb, provider } = standing;
  const offloadable = components.filter(({ stays, weight }) => stays === null && (weight ?? 0) >= minWeight);
  const here = offloadable.filter(({ place }) => place === 'local');
  const all: string[] = [];
  const scarce = memory.pressure === 'pressure' || memory.pressure === 'critical';
  if (scarce && here.length > 0 && provider === null)
    all.push(`Memory is scarce, and ${namesOf(here)} could move if there were VMs: ${standing.why}.`);
  if (here.length > 0 && provider !== null && standing.dryRun)
    all.push('HYBRID_ORCHESTRATION_DRY_RUN is true: nothing moves. `purser offload why` shows what would.');
  if (here.length > 0 && provider !== null && !standing.autoMigration)
    all.push('ENABLE_AUTO_MIGRATION is false: nothing moves by itself.');
  if (here.length > 0 && standing.pointless !== undefined)
    all.push(`Under pressure nothing moves by itself: ${standing.pointless}.`);
  for (const { name, memoryMb, stays } of heavyOnes(components, heavyMb)
    .filter((one) => one.stays !== null)
    .slice(0, SHOWN))
    all.push(`${name} takes ${Math.round(memoryMb ?? 0)} MB and stays: ${stays}.`);
  if (offloadMb > memory.totalMb / 2)
    all.push(
      `OFFLOAD_RAM_THRESHOLD_GB (${offloadMb / 1024}) is more than half of the ${Math.round(memory.totalMb / 1024)} GB that there are: memory counts as scarce most of the time. Set a smaller one.`,
    );
  if (scarce && offloadable.length === 0)
    all.push('Memory is scarce, and no component can move: name one in components.json (docs/guides/offload.md).');
  return all;
}

export const heavyOnes = (components: readonly ComponentStatus[], heavyMb: number): ComponentStatus[] =>
  components.filter(({ memoryMb }) => (memoryMb ?? 0) >= heavyMb);

const namesOf = (components: readonly ComponentStatus[]): string =>
  components
    .slice(0, SHOWN)
    .map(({ name }) => name)
    .join(', ');
