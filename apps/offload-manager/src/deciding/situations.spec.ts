import { systemClock } from '@purser/service';
import type { Component } from '../components/component.js';
import type { Components } from '../components/components.service.js';
import type { Memory, MemoryState } from '../memory/memory.service.js';
import type { Catalogue } from '../scoring/catalogue.service.js';
import type { PlaceOf } from '../scoring/places.js';
import type { VmMarket } from './ports.js';
import { Situations } from './situations.service.js';

const embedder: Component = {
  name: 'embedder',
  kind: 'service',
  source: 'components.json',
  image: 'example/embedder:1',
  command: [],
  env: {},
  port: 9000,
  healthPath: '/',
  memoryMb: 2000,
  diskGb: 20,
  stateless: true,
  checkpointable: false,
  keepLocal: false,
  local: { url: 'http://127.0.0.1:9000' },
};
const start = new Date('2026-11-29T10:00:00Z');

let found: Component[];
let places: Map<string, PlaceOf>;
let state: MemoryState;
let asked: number;

beforeEach(() => {
  found = [embedder];
  places = new Map();
  asked = 0;
  state = {
    reading: { at: start, availableMb: 1000, totalMb: 8000, usedPercent: 87.5, boundBy: 'machine' },
    pressure: 'pressure',
    trend: undefined,
  };
});

function situations(): Situations {
  const components = { list: () => found, get: (name: string) => found.find((one) => one.name === name) };
  const score = ({ memoryMb = 0 }: Component) => ({
    profile: { memoryMb: memoryMb / 2 },
    weight: { weight: 60, parts: [] },
    priority: 'high',
  });
  const market: VmMarket = {
    compute: () => Promise.resolve({ provider: null, why: '', problem: null }),
    pointless: () => undefined,
    look: () => {
      asked += 1;
      return Promise.resolve({ offers: [], affordable: undefined, hindrance: undefined, preemptions: 0 });
    },
  };
  return new Situations(
    { read: () => Promise.resolve(state) } as unknown as Memory,
    components as unknown as Components,
    { score } as unknown as Catalogue,
    { all: () => Promise.resolve(places) },
    market,
    systemClock,
  );
}
const onVm: PlaceOf = { place: 'vm', vm: 'v', since: start, vmMemoryMb: 3000 };

it('holds what can move: by what it uses here, and what a VM must have', async () => {
  found = [embedder, { ...embedder, name: 'kept', keepLocal: true }];
  expect((await situations().look()).candidates).toEqual([
    { name: 'embedder', weight: 60, memoryMb: 1000, neededMb: 2000, at: undefined },
  ]);
});

it('holds what is away too, though it may not go there any more or is not found', async () => {
  found = [{ ...embedder, name: 'kept', keepLocal: true }];
  places = new Map([
    ['kept', onVm],
    ['embedder', onVm],
    ['home', { place: 'local', vm: null, since: start }],
  ]);
  const { candidates } = await situations().look();
  expect(candidates.map(({ name, memoryMb }) => [name, memoryMb])).toEqual([
    ['kept', 1000],
    ['embedder', 3000],
  ]);
});

it('goes by what was seen of one before it left', async () => {
  places = new Map([
    ['embedder', { ...onVm, tookMb: 5000 }],
    ['unfound', { ...onVm, tookMb: 700 }],
  ]);
  const { candidates } = await situations().look();
  expect(candidates.map(({ name, memoryMb }) => [name, memoryMb])).toEqual([
    ['embedder', 5000],
    ['unfound', 700],
  ]);
});

it('knows since when memory is scarce or plentiful, without a break', async () => {
  const one = situations();
  const at = async (seconds: number, pressure: MemoryState['pressure']) => {
    state = { ...state, pressure, reading: { ...state.reading, at: new Date(start.getTime() + seconds * 1000) } };
    const { pressureSince, calmSince } = await one.look();
    return [pressureSince, calmSince].map((since) => since && (since.getTime() - start.getTime()) / 1000);
  };
  expect(await at(0, 'pressure')).toEqual([0, undefined]);
  expect(await at(5, 'critical')).toEqual([0, undefined]);
  expect(await at(10, 'easing')).toEqual([undefined, undefined]);
  expect(await at(15, 'pressure')).toEqual([15, undefined]);
  expect(await at(20, 'calm')).toEqual([undefined, 20]);
  expect(await at(25, 'calm')).toEqual([undefined, 20]);
});

it('ask no platform and no budget when nothing is to leave', async () => {
  const { candidates } = await situations().look(false);
  expect([candidates.map(({ name }) => name), asked]).toEqual([['embedder'], 0]);
  await situations().look(true);
  expect(asked).toBe(1);
});
