import type { ComponentStatus, MemoryFigures } from '@purser/contracts';
import { recommendationsFor, type Standing } from './recommendations.js';

const component = { name: 'embedder', place: 'local', stays: null, weight: 60, memoryMb: 900 } as ComponentStatus;
const memory = { pressure: 'pressure', totalMb: 16_384 } as MemoryFigures;
const standing: Standing = {
  ...{ components: [component], memory, heavyMb: 500, minWeight: 40, offloadMb: 6_144 },
  ...{ dryRun: false, autoMigration: true, provider: 'docker', why: 'VMs come from docker', pointless: undefined },
};

describe('what the status recommends', () => {
  it('is nothing where components can move', () => {
    expect(recommendationsFor(standing)).toEqual([]);
  });

  it('is to do something where VMs relieve nothing, since then nothing moves', () => {
    const pointless = 'VMs of docker take the memory of this same machine';
    expect(recommendationsFor({ ...standing, pointless })).toEqual([
      `Under pressure nothing moves by itself: ${pointless}.`,
    ]);
    expect(recommendationsFor({ ...standing, pointless, components: [] }).join()).not.toContain(pointless);
  });
});
