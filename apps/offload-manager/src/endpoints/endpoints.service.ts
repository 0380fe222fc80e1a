import { setTimeout as pause } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { Bus, nobodyServes } from '@purser/bus';
import {
  BUCKETS,
  type ComponentAnswer,
  type ComponentRequest,
  componentsAsk,
  type componentsRequest,
  type Endpoint,
  isPurserError,
  PurserError,
  type RequestOf,
} from '@purser/contracts';
import { MOVABLES, type Movables } from '../moving/movables.js';
import { PlacesRepository } from './places.repository.js';

const FIRST_PAUSE_MS = 50;
const MOST_PAUSE_MS = 1_000;
/** Longer than a place takes to be there again after a restart of its process, or of the bus. */
const REPEAT_MS = 10_000;
/** What HTTP calls safe. */
const SAFE: ReadonlySet<ComponentRequest['method']> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What nobody has done, as far as anybody knows; an older agent does not say so, and calls more than that unavailable. */
const mayRepeat = (error: PurserError, method: ComponentRequest['method']): boolean =>
  nobodyServes(error) ||
  error.details['notAsked'] === true ||
  (SAFE.has(method) && (error.code === 'unavailable' || error.code === 'timeout'));

/** Where components are served from, for whoever wants to know, and the way to them for who has no NATS. */
@Injectable()
export class Endpoints {
  constructor(
    private readonly repository: PlacesRepository,
    private readonly bus: Bus,
    @Inject(MOVABLES) private readonly components: Pick<Movables, 'get' | 'searched'>,
  ) {}

  /**
   * While a component goes from one place to another there may be nobody for a moment who takes its requests, or a place
   * may take one that it cannot pass on any more: what nobody has done is asked again for a while, and what may have been
   * done only where doing it twice changes nothing.
   */
  async request({ name, timeoutMs, ...request }: RequestOf<typeof componentsRequest>): Promise<ComponentAnswer> {
    const startedAt = performance.now();
    for (let attempt = 0; ; attempt += 1) {
      const leftMs = startedAt + timeoutMs - performance.now();
      try {
        return await this.bus.call(componentsAsk(name), request, { timeoutMs: Math.max(1, Math.ceil(leftMs)) });
      } catch (error) {
        if (!isPurserError(error)) throw error;
        if (error.code === 'unavailable' && attempt === 0) await this.requireKnown(name);
        const pauseMs = Math.min(MOST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt, 10));
        const nextMs = performance.now() + pauseMs - startedAt;
        const soon = nextMs < Math.min(REPEAT_MS, timeoutMs) && !this.bus.connection.isClosed();
        if (!soon || !mayRepeat(error, request.method)) throw error;
        await pause(pauseMs);
      }
    }
  }

  /** Nobody listens on its subject: either there is no such component, or it is in no place now. */
  private async requireKnown(name: string): Promise<void> {
    const { components } = this;
    // Just after a start it is not known yet, or has no place yet.
    if (!components.searched() || components.get(name)?.local !== undefined) return;
    if (!(await this.repository.find(name)))
      throw new PurserError('not_found', { message: `there is no component "${name}" that answers requests` });
  }

  /** Whether any manager may still have requests for the place at home. */
  isServedLocally(component: string): Promise<boolean> {
    return this.repository.isServedLocally(component);
  }

  /** Whether the bus brings its requests to the place at home. */
  isOpenLocally(component: string): Promise<boolean> {
    return this.repository.isOpenLocally(component);
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
