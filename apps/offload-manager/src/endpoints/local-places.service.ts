import { setTimeout as pause } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus, ComponentPlace } from '@purser/bus';
import { CONFIG, Log, Repeating } from '@purser/service';
import type { Config } from '../config.js';
import { MOVABLES, type Movables } from '../moving/movables.js';
import { PlacesRepository } from './places.repository.js';

const EVERY_MS = 500;
/** Well within the time for which it counts. */
const SAY_MS = 3_000;
const REQUEST_MS = 300_000;

/** A place here, and once it takes no more requests, whether all that it had are answered. */
interface Served {
  place: ComponentPlace;
  /** Whether the bus knows of it, and the rows that it does. */
  open: boolean;
  closing?: { done: boolean; answered: Promise<void> };
}

/** Takes the requests of components that are at home from the bus, on every manager, as the rows say. */
@Injectable()
export class LocalPlaces implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly open = new Map<string, Served>();
  private readonly following: Repeating;
  private saidAt = -Infinity;

  constructor(
    private readonly repository: PlacesRepository,
    private readonly bus: Bus,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(MOVABLES) private readonly components: Movables,
  ) {
    this.following = new Repeating('the places of components', EVERY_MS, () => this.follow(), log);
  }

  onApplicationBootstrap(): void {
    this.following.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.following.stop();
    while (this.open.size > 0) {
      await this.serveOnly(new Map());
      await Promise.race([this.allAnswered(), pause(EVERY_MS)]);
    }
  }

  /** Brings what is served here in line with the rows. */
  async follow(): Promise<void> {
    const known = this.components.list().filter(({ local }) => local !== undefined);
    const rows = new Map((await this.repository.list()).map((row) => [row.component, row]));
    const missing = known.filter(({ name }) => !rows.has(name)).map(({ name }) => name);
    if (missing.length > 0) await this.repository.ensure(missing);
    await this.serveOnly(
      new Map(
        known
          .filter(({ name }) => rows.get(name)?.serve_local ?? true)
          .map(({ name, local }) => [name, local?.url ?? '']),
      ),
    );
  }

  /** What is answered last may take minutes: nothing waits for it, and until then it counts as served here. */
  private async serveOnly(wanted: ReadonlyMap<string, string>): Promise<void> {
    for (const [component, served] of this.open) {
      if (!wanted.has(component)) await this.leave(component, served);
      if (served.closing?.done !== true) continue;
      this.open.delete(component);
      await this.repository.stopped(component, this.config.PURSER_INSTANCE);
    }
    await this.saySo();
    for (const [component, url] of wanted) await this.serve(component, url);
  }

  /** Nobody counts on it any more when it closes. */
  private async leave(component: string, served: Served): Promise<void> {
    if (served.closing) return;
    served.open = false;
    await this.repository.serving(component, this.config.PURSER_INSTANCE, false);
    served.closing = closingOf(served.place);
  }

  private async saySo(): Promise<void> {
    if (performance.now() - this.saidAt < SAY_MS) return;
    for (const [component, { open }] of this.open)
      await this.repository.serving(component, this.config.PURSER_INSTANCE, open);
    this.saidAt = performance.now();
  }

  private async serve(component: string, url: string): Promise<void> {
    const known = this.open.get(component);
    if (known?.open) return;
    const { PURSER_INSTANCE: instance } = this.config;
    await this.repository.serving(component, instance, false);
    // Looked up once more: whoever sends it away after this sees that it is served here, and waits.
    if ((await this.repository.find(component))?.serve_local === false) {
      if (!known) await this.repository.stopped(component, instance);
      return;
    }
    const served = known ?? { place: this.placeOf(component, url), open: false };
    this.open.set(component, served);
    // It may take requests again beside those that it has not answered yet.
    await served.place.open();
    delete served.closing;
    await this.repository.serving(component, instance, true);
    served.open = true;
  }

  private placeOf(component: string, url: string): ComponentPlace {
    const report = (error: unknown, what: string) => this.log.warn({ error, component }, what);
    return new ComponentPlace(this.bus, { component, url, timeoutMs: REQUEST_MS, report });
  }

  private async allAnswered(): Promise<void> {
    await Promise.all([...this.open.values()].flatMap(({ closing }) => closing?.answered ?? []));
  }
}

function closingOf(place: ComponentPlace): NonNullable<Served['closing']> {
  const closing = { done: false, answered: Promise.resolve() };
  const done = () => void (closing.done = true);
  // It rejects where there is no bus any more, to which nothing could be answered.
  closing.answered = place.close().then(done, done);
  return closing;
}
