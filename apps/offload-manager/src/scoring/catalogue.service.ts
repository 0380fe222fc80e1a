import { Inject, Injectable } from '@nestjs/common';
import type { ComponentStatus, Profile, ReplyOf, componentsGet } from '@purser/contracts';
import { CONFIG } from '@purser/service';
import { type Component, whyItStays } from '../components/component.js';
import { Components } from '../components/components.service.js';
import type { Config } from '../config.js';
import { Profiler } from '../profiles/profiler.service.js';
import { PLACES, type PlaceOf, type Places } from './places.js';
import { explanationOf, type Scored } from './explanation.js';
import { priorityOf, weightOf } from './weight.js';

const HERE = { place: 'local', vm: null } as const;

/** The components with what is known of them. */
@Injectable()
export class Catalogue {
  constructor(
    private readonly components: Components,
    private readonly profiler: Profiler,
    @Inject(PLACES) private readonly places: Places,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** The heaviest first; those of which nothing is known last. */
  async list(): Promise<ComponentStatus[]> {
    const places = await this.places.all();
    return this.components
      .list()
      .map((one) => statusOf(one, this.score(one), places.get(one.name) ?? HERE))
      .sort((a, b) => (b.weight ?? -1) - (a.weight ?? -1) || (a.name < b.name ? -1 : 1));
  }

  async get(name: string): Promise<ReplyOf<typeof componentsGet>> {
    const component = this.components.require(name);
    const places = await this.places.all();
    const scored = this.score(component);
    return {
      ...statusOf(component, scored, places.get(name) ?? HERE),
      profile: scored.profile ?? null,
      parts: scored.weight?.parts ?? [],
      explanation: explanationOf(component, scored, this.config.MIN_WEIGHT_FOR_OFFLOAD),
    };
  }

  score(component: Component): Scored {
    const profile = this.profiler.of(component.name);
    const weight = profile && weightOf(profile, this.config.HEAVY_COMPONENT_RAM_MB);
    const movable = whyItStays(component) === undefined;
    return { profile, weight, priority: priorityOf(weight?.weight, movable, this.config.MIN_WEIGHT_FOR_OFFLOAD) };
  }
}

/** What a VM for it must have: what is written of it or what was seen, whichever is more. */
export const neededMb = (component: Component, profile: Profile | undefined): number =>
  Math.max(component.memoryMb ?? 0, profile?.memoryMb ?? 0);

const statusOf = (
  component: Component,
  { profile, weight, priority }: Scored,
  at: Pick<PlaceOf, 'place' | 'vm'>,
): ComponentStatus => ({
  name: component.name,
  kind: component.kind,
  source: component.source,
  image: component.image ?? null,
  place: at.place,
  vm: at.vm,
  weight: weight?.weight ?? null,
  priority,
  memoryMb: profile?.memoryMb ?? component.memoryMb ?? null,
  evidence: profile?.evidence ?? null,
  stays: whyItStays(component) ?? null,
});
