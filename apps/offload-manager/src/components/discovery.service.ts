import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { CONFIG, Log, Repeating } from '@purser/service';
import type { Config } from '../config.js';
import { ProfileCache } from '../profiles/profile-cache.js';
import { Profiler } from '../profiles/profiler.service.js';
import { type Changes, changesOf } from './changes.js';
import type { Component } from './component.js';
import { Components } from './components.service.js';

const DAY_MS = 86_400_000;

/** Looks for components at the start and at every interval, and has new ones profiled. */
@Injectable()
export class Discovery implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly sweeps: Repeating[];
  private told = '';
  private first: Promise<void> | undefined;
  private discovering: Promise<unknown> = Promise.resolve();
  /** The next look, until it begins: whoever asks by then is told of what it finds. */
  private waiting: Promise<Changes> | undefined;

  constructor(
    private readonly components: Components,
    private readonly profiler: Profiler,
    cache: ProfileCache,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.sweeps = [
      new Repeating('looking for components', config.AUTO_DISCOVERY_INTERVAL_SECONDS * 1000, () => this.look(), log),
      new Repeating('forgetting old profiles', DAY_MS / 4, () => cache.forget(), log),
    ];
  }

  onApplicationBootstrap(): void {
    // Not awaited: profiling a large folder for the first time takes longer than a start may.
    this.first = this.look().catch((error: unknown) => this.log.warn({ error }, 'looking for components failed'));
    for (const sweep of this.sweeps) sweep.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.profiler.stop();
    await Promise.all([this.first, this.discovering, ...this.sweeps.map((sweep) => sweep.stop())]);
  }

  profileAnew(component: Component): void {
    void this.profiler
      .refresh([component], true)
      .catch((error: unknown) => this.log.warn({ error, component: component.name }, 'profiling failed'));
  }

  /** Does not wait until what is new is profiled, which may take minutes. */
  async discoverNow(): Promise<Changes & { known: number; problems: string[] }> {
    const changes = await this.discover();
    void this.profile().catch((error: unknown) => this.log.warn({ error }, 'profiling failed'));
    return { known: this.components.list().length, ...changes, problems: [...this.components.problems] };
  }

  private async look(): Promise<void> {
    await this.discover();
    await this.profile();
  }

  /** One after another, and one that waits: who asks is told of what was written before. */
  private discover(): Promise<Changes> {
    return (this.waiting ??= this.nextLook());
  }

  private nextLook(): Promise<Changes> {
    const next = this.discovering.then(async () => {
      this.waiting = undefined;
      const before = this.components.list();
      await this.components.discover();
      this.tellProblems();
      return changesOf(before, this.components.list());
    });
    this.discovering = next.catch(() => undefined);
    return next;
  }

  private async profile(): Promise<void> {
    // What is here must be served, and what is away come home, also where nothing is to leave any more.
    if (this.config.HYBRID_ORCHESTRATION_ENABLED) await this.profiler.refresh(this.components.list());
  }

  /** Once, and again when others are wrong. */
  private tellProblems(): void {
    const { problems } = this.components;
    const text = problems.join('\n');
    if (text !== '' && text !== this.told) this.log.warn({ problems }, 'some components cannot be used');
    this.told = text;
  }
}
