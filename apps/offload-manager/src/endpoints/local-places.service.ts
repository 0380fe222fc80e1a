import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus, ComponentPlace } from '@purser/bus';
import { CONFIG, Log, Repeating } from '@purser/service';
import type { Config } from '../config.js';
import { MOVABLES, type Movables } from '../moving/movables.js';
import { PlacesRepository } from './places.repository.js';

const EVERY_MS = 500;
const REQUEST_MS = 300_000;

/** Takes the requests of components that are at home from the bus, on every manager, as the rows say. */
@Injectable()
export class LocalPlaces implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly open = new Map<string, ComponentPlace>();
  private readonly following: Repeating;

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
    await Promise.all([...this.open.keys()].map((component) => this.close(component)));
  }

  /** Brings what is served here in line with the rows. */
  async follow(): Promise<void> {
    const known = this.components.list().filter(({ local }) => local !== undefined);
    const rows = new Map((await this.repository.list()).map((row) => [row.component, row]));
    const missing = known.filter(({ name }) => !rows.has(name)).map(({ name }) => name);
    if (missing.length > 0) await this.repository.ensure(missing);
    const wanted = new Map(
      known
        .filter(({ name }) => rows.get(name)?.serve_local ?? true)
        .map(({ name, local }) => [name, local?.url ?? '']),
    );
    for (const component of this.open.keys()) if (!wanted.has(component)) await this.close(component);
    for (const [component, url] of wanted) await this.serve(component, url);
  }

  private async serve(component: string, url: string): Promise<void> {
    await this.repository.serving(component, this.config.PURSER_INSTANCE);
    if (this.open.has(component)) return;
    const report = (error: unknown, what: string) => this.log.warn({ error, component }, what);
    const place = new ComponentPlace(this.bus, { component, url, timeoutMs: REQUEST_MS, report });
    this.open.set(component, place);
    await place.open();
  }

  /** Only when all it has taken is answered does it count as closed. */
  private async close(component: string): Promise<void> {
    await this.open.get(component)?.close();
    this.open.delete(component);
    await this.repository.stopped(component, this.config.PURSER_INSTANCE);
  }
}
