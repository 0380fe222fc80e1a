import { Inject, Injectable } from '@nestjs/common';
import type { MemoryFigures } from '@purser/contracts';
import { Clock } from '@purser/service';
import { Components } from '../components/components.service.js';
import { whyItStays } from '../components/component.js';
import type { Config } from '../config.js';
import { Memory, type MemoryState } from '../memory/memory.service.js';
import { Catalogue, neededMb } from '../scoring/catalogue.service.js';
import { PLACES, type PlaceOf, type Places } from '../scoring/places.js';
import { type Compute, MARKET, type VmMarket } from './ports.js';
import type { Candidate, Market, Rules, Situation } from './situation.js';

/** Pressure that does not last a fifth of the dwell time is not acted on, unless it is critical. */
const SUSTAIN_SHARE = 1 / 5;

const NOWHERE: Market = { offers: [], affordable: undefined, hindrance: 'nothing is to leave', preemptions: 0 };

/** How things stand, as the rules see it. */
@Injectable()
export class Situations {
  private pressureSince: Date | undefined;
  private calmSince: Date | undefined;
  private foundNone = false;

  constructor(
    private readonly memory: Memory,
    private readonly components: Components,
    private readonly catalogue: Catalogue,
    @Inject(PLACES) private readonly places: Places,
    @Inject(MARKET) private readonly market: VmMarket,
    private readonly clock: Clock,
  ) {}

  get bounds(): Rules['bounds'] {
    return this.memory.bounds;
  }

  compute(): Promise<Compute> {
    return this.market.compute();
  }

  pointless(): string | undefined {
    return this.market.pointless();
  }

  /** There was nothing to decide about at the last look, and no component was found since. */
  get isEmpty(): boolean {
    return this.foundNone && this.components.list().length === 0;
  }

  /** To be called at every look, so that what lasts is known to last. */
  async readMemory(): Promise<MemoryState> {
    const state = await this.memory.read();
    const { at } = state.reading;
    const scarce = state.pressure === 'pressure' || state.pressure === 'critical';
    this.pressureSince = scarce ? (this.pressureSince ?? at) : undefined;
    this.calmSince = state.pressure === 'calm' ? (this.calmSince ?? at) : undefined;
    return state;
  }

  /** `offloads`: whether anything may leave; else nobody is asked what there is to be had elsewhere. */
  async look(offloads = true): Promise<Situation> {
    const now = this.clock.now();
    const [{ reading, pressure, trend }, candidates, market] = await Promise.all([
      this.readMemory(),
      this.candidates(),
      offloads ? this.market.look(now) : NOWHERE,
    ]);
    const { pressureSince, calmSince } = this;
    this.foundNone = candidates.length === 0;
    return { now, memory: reading, pressure, trendMbPerMinute: trend, pressureSince, calmSince, candidates, market };
  }

  private async candidates(): Promise<Candidate[]> {
    const places = await this.places.all();
    const found = this.components.list().flatMap((component) => {
      const { profile, weight } = this.catalogue.score(component);
      const at = places.get(component.name);
      // One that is away comes back, whatever was changed in components.json meanwhile.
      const away = at !== undefined && at.place !== 'local';
      const counts = (weight !== undefined && whyItStays(component) === undefined) || away;
      if (!counts) return [];
      const needed = neededMb(component, profile);
      return [
        {
          name: component.name,
          weight: weight?.weight ?? 0,
          // Nothing measures it here while it is away, and what was measured before a restart is forgotten.
          memoryMb: (away ? at.tookMb : undefined) ?? profile?.memoryMb ?? needed,
          neededMb: needed,
          at,
        },
      ];
    });
    return [...found, ...this.unfound(places)];
  }

  /** On a VM, and not found any more: a container that was stopped here, or an entry that was taken out. It comes home, too. */
  private unfound(places: ReadonlyMap<string, PlaceOf>): Candidate[] {
    return [...places].flatMap(([name, at]) => {
      if (at.place === 'local' || this.components.get(name)) return [];
      const memoryMb = at.tookMb ?? at.vmMemoryMb ?? 0;
      return [{ name, weight: 0, memoryMb, neededMb: memoryMb, at }];
    });
  }
}

type Figures = Pick<MemoryState, 'pressure' | 'trend'> & { reading: Situation['memory'] };

export const figuresOf = ({ reading, pressure, trend }: Figures): MemoryFigures => ({
  availableMb: reading.availableMb,
  totalMb: reading.totalMb,
  usedPercent: Math.round(reading.usedPercent * 10) / 10,
  pressure,
  trendMbPerMinute: trend === undefined ? null : Math.round(trend * 10) / 10,
});

export const rulesOf = (config: Config, bounds: Rules['bounds']): Rules => ({
  offloads: config.HYBRID_ORCHESTRATION_ENABLED,
  bounds,
  minWeight: config.MIN_WEIGHT_FOR_OFFLOAD,
  atOnce: config.MAX_CONCURRENT_MIGRATIONS,
  dwellMs: config.PURSER_OFFLOAD_DWELL_SECONDS * 1000,
  sustainMs: config.PURSER_OFFLOAD_DWELL_SECONDS * 1000 * SUSTAIN_SHARE,
  minVmShare: config.MIN_GCP_ROUTING_RATIO,
  optimiseCost: config.ENABLE_COST_OPTIMIZATION,
  standardType: config.GCP_VM_TYPE,
});
