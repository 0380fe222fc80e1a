import { Controller } from '@nestjs/common';
import { Hear, Serve } from '@purser/bus';
import {
  componentsDiscover,
  componentsGet,
  componentsList,
  componentsProfile,
  type FactData,
  heartbeat,
  type ReplyOf,
  type RequestOf,
} from '@purser/contracts';
import { Clock } from '@purser/service';
import { Catalogue } from '../scoring/catalogue.service.js';
import { Components } from './components.service.js';
import { Discovery } from './discovery.service.js';

@Controller()
export class ComponentsHandlers {
  constructor(
    private readonly catalogue: Catalogue,
    private readonly components: Components,
    private readonly discovery: Discovery,
    private readonly clock: Clock,
  ) {}

  @Serve(componentsList)
  async list(): Promise<ReplyOf<typeof componentsList>> {
    return { components: await this.catalogue.list(), problems: [...this.components.problems] };
  }

  @Serve(componentsGet)
  get({ name }: RequestOf<typeof componentsGet>): Promise<ReplyOf<typeof componentsGet>> {
    return this.catalogue.get(name);
  }

  @Serve(componentsProfile)
  profile({ name }: RequestOf<typeof componentsProfile>): Promise<ReplyOf<typeof componentsProfile>> {
    const component = this.components.require(name);
    const askedAt = this.clock.now().toISOString();
    this.discovery.profileAnew(component);
    return Promise.resolve({ name, askedAt });
  }

  @Serve(componentsDiscover)
  discover(): Promise<ReplyOf<typeof componentsDiscover>> {
    return this.discovery.discoverNow();
  }

  @Hear(heartbeat, { under: 'agent-runner' })
  heard({ executors = [] }: FactData<typeof heartbeat>): Promise<void> {
    this.components.heardExecutors(executors.map(({ name }) => name));
    return Promise.resolve();
  }
}
