import type { Profile } from '@purser/contracts';
import { systemClock } from '@purser/service';
import type { Market } from '../deciding/situation.js';
import { Machines } from './machines.service.js';

const offer = (machineType: string, memoryMb: number, perHour: bigint) => ({
  machineType,
  memoryMb,
  spotPerHour: perHour,
  regularPerHour: perHour * 4n,
  spotWorstCase: perHour * 3n,
  regularWorstCase: perHour * 12n,
});

function machines(given: Partial<Market> = {}, seenMb?: number): Machines {
  const market: Market = {
    offers: [offer('small', 2_048, 5n), offer('large', 8_192, 20n)],
    affordable: undefined,
    hindrance: undefined,
    preemptions: 0,
    ...given,
  };
  const component = { name: 'llm', command: [], env: {}, healthPath: '/', diskGb: 20, memoryMb: 1_000 };
  return new Machines(
    {
      compute: () => Promise.resolve({ provider: null, why: '', problem: null }),
      pointless: () => undefined,
      look: () => Promise.resolve(market),
    },
    { of: () => (seenMb === undefined ? undefined : ({ memoryMb: seenMb } as Profile)) },
    systemClock,
    { ENABLE_COST_OPTIMIZATION: true, GCP_VM_TYPE: 'large' },
    { get: () => component, list: () => [component], searched: () => true, whyItStays: () => undefined },
  );
}

it('takes the cheapest that holds what the component was written or seen to need', async () => {
  expect(await machines().choose('llm', true, undefined)).toEqual({
    machineType: 'small',
    spot: true,
    memoryMb: 1_000,
  });
  expect(await machines({}, 3_000).choose('llm', false, undefined)).toEqual({
    machineType: 'large',
    spot: false,
    memoryMb: 3_000,
  });
});

it('chooses, and finds affordable, by the price of the way that is wanted', async () => {
  // As spot the second is cheaper, as a regular machine the first.
  const offers = [
    { ...offer('steady', 4_096, 10n), regularPerHour: 20n, regularWorstCase: 60n },
    { ...offer('moody', 4_096, 5n), regularPerHour: 50n, regularWorstCase: 150n },
  ];
  expect(await machines({ offers }).choose('llm', true, undefined)).toMatchObject({ machineType: 'moody', spot: true });
  const regular = machines({ offers, affordable: 60n }).choose('llm', false, undefined);
  expect(await regular).toMatchObject({ machineType: 'steady', spot: false });
  await expect(machines({ offers, affordable: 59n }).choose('llm', false, undefined)).rejects.toThrow(
    'no budget covers',
  );
});

it('refuses a machine that is too small or not there, and says why none can be had', async () => {
  await expect(machines({}, 3_000).choose('llm', true, 'small')).rejects.toThrow('needs a machine with 4112');
  await expect(machines().choose('llm', true, 'tiny')).rejects.toThrow('no machine type "tiny"');
  await expect(machines({}, 9_000).choose('llm', true, undefined)).rejects.toThrow('no machine with the');
  await expect(machines({ affordable: 1n }).choose('llm', true, undefined)).rejects.toThrow('no budget covers');
  await expect(machines({ hindrance: 'no project' }).choose('llm', true, undefined)).rejects.toThrow('no project');
  expect(await machines({ hindrance: 'no project' }).choose('llm', true, 'small')).toEqual({
    machineType: 'small',
    spot: true,
  });
  expect(await machines({}, 3_000).choose('llm', true, 'large')).toMatchObject({ machineType: 'large' });
});
