import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import {
  BUCKETS,
  type ComponentAnswer,
  componentsAsk,
  type componentsRequest,
  type Endpoint,
  PurserError,
  type RequestOf,
} from '@purser/contracts';
import { PlacesRepository } from './places.repository.js';

/** Where components are served from, for whoever wants to know, and the way to them for who has no NATS. */
@Injectable()
export class Endpoints {
  constructor(
    private readonly repository: PlacesRepository,
    private readonly bus: Bus,
  ) {}

  async request({ name, timeoutMs, ...request }: RequestOf<typeof componentsRequest>): Promise<ComponentAnswer> {
    try {
      return await this.bus.call(componentsAsk(name), request, { timeoutMs });
    } catch (error) {
      // Nobody listens on its subject: either there is no such component, or it is in no place now.
      if (error instanceof PurserError && error.code === 'unavailable' && !(await this.repository.find(name)))
        throw new PurserError('not_found', { message: `there is no component "${name}" that answers requests` });
      throw error;
    }
  }

  /** Whether any manager takes its requests for the place at home. */
  isServedLocally(component: string): Promise<boolean> {
    return this.repository.isServedLocally(component);
  }

  /** From now on; whoever serves it follows. */
  async moved(component: string, vmId: string | null, serveLocal: boolean): Promise<void> {
    await this.repository.set(component, vmId, serveLocal);
    await this.tell(component, vmId);
  }

  /** Home from a VM, unless it is on another one by now. @returns whether it is at home */
  async returned(component: string, vmId: string | null): Promise<boolean> {
    if (!(await this.repository.setHome(component, vmId))) return false;
    await this.tell(component, null);
    return true;
  }

  private async tell(component: string, vmId: string | null): Promise<void> {
    const row = await this.repository.find(component);
    const endpoint: Endpoint = {
      component,
      place: vmId === null ? 'local' : 'vm',
      vm: vmId,
      since: (row?.since ?? new Date()).toISOString(),
    };
    await this.bus.write(BUCKETS.endpoints, component, endpoint);
  }
}
