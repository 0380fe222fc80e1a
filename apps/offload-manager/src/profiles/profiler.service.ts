import { Inject, Injectable } from '@nestjs/common';
import type { Profile } from '@purser/contracts';
import { Clock, CONFIG, Log } from '@purser/service';
import type { Component } from '../components/component.js';
import { DockerComponents } from '../components/docker-components.js';
import type { ScannedModule } from '../components/module.js';
import type { Config } from '../config.js';
import { type Estimate, estimate } from './estimate.js';
import { Imports } from './imports.service.js';
import { contentOf, type ModuleFiles, moduleFiles, stampOf } from './module-files.js';
import { inParallel } from './parallel.js';
import { ProfileCache } from './profile-cache.js';
import { SourceReader } from './source-reader.js';

interface Stale {
  name: string;
  module: ScannedModule;
  files: ModuleFiles;
  content: string;
}

/** Modules that one process reads, so that it starts once for many. */
const BATCH = 250;

/** Knows what every component needs: from what it uses now, from before, from its sources, or by trying. */
@Injectable()
export class Profiler {
  private known = new Map<string, Profile>();
  private readonly reader: SourceReader;
  private readonly ending = new AbortController();
  private running = Promise.resolve();
  private waiting: { all: Map<string, { component: Component; anew: boolean }>; done: Promise<void> } | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly cache: ProfileCache,
    private readonly docker: DockerComponents,
    private readonly imports: Imports,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.reader = new SourceReader(config.PURSER_PROFILE_PYTHON);
  }

  of(name: string): Profile | undefined {
    return this.known.get(name);
  }

  /** One round after the other: all that is asked for meanwhile is the next one. `anew`: whatever is known of them. */
  refresh(components: readonly Component[], anew = false): Promise<void> {
    const next = (this.waiting ??= this.nextRound());
    for (const component of components) {
      const { name } = component;
      next.all.set(name, { component, anew: anew || next.all.get(name)?.anew === true });
    }
    return next.done;
  }

  private nextRound(): NonNullable<Profiler['waiting']> {
    const all = new Map<string, { component: Component; anew: boolean }>();
    const done = this.running.then(async () => {
      this.waiting = undefined;
      for (const anew of [true, false]) {
        const ofIt = [...all.values()].filter((one) => one.anew === anew).map(({ component }) => component);
        if (ofIt.length > 0) await this.refreshNow(ofIt, anew);
      }
    });
    this.running = done.catch(() => undefined);
    return { all, done };
  }

  /** Ends what is at hand. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  private async refreshNow(components: readonly Component[], anew: boolean): Promise<void> {
    const modules = components.flatMap(({ name, module }) => (module ? [{ name, module }] : []));
    const [cached] = await Promise.all([
      anew ? new Map<string, Profile>() : this.cache.find(modules),
      ...components.map((one) => this.lookAt(one)),
    ]);
    for (const [name, profile] of cached) this.keep(name, profile);
    const unknown = modules.filter(({ name }) => !cached.has(name));
    const batches = Array.from({ length: Math.ceil(unknown.length / BATCH) }, (_, index) =>
      unknown.slice(index * BATCH, (index + 1) * BATCH),
    );
    await inParallel(batches, this.config.MIGRATION_WORKER_COUNT, (batch) => this.profileBatch(batch, anew));
  }

  /** What a service uses now, or what is written of it. */
  private async lookAt({ name, containerId, memoryMb }: Component): Promise<void> {
    const use = containerId === undefined ? undefined : await this.docker.use(containerId);
    if (use) this.keep(name, { ...this.service('live', use.memoryMb), cpuSeconds: use.cpus });
    else if (memoryMb !== undefined) this.keep(name, this.service('configured', memoryMb));
  }

  private service(evidence: Profile['evidence'], memoryMb: number): Profile {
    return {
      evidence,
      memoryMb: Math.round(memoryMb),
      startSeconds: null,
      cpuSeconds: null,
      heavyImports: [],
      imports: 0,
      classes: 0,
      sourceBytes: 0,
      executable: null,
      note: null,
      profiledAt: this.clock.now().toISOString(),
    };
  }

  private keep(name: string, profile: Profile): void {
    if (profile.executable !== null && !this.config.ENABLE_STATIC_ANALYSIS_PROFILING) this.known.delete(name);
    else this.known.set(name, profile);
  }

  private async profileBatch(batch: readonly { name: string; module: ScannedModule }[], anew: boolean): Promise<void> {
    const stale: Stale[] = [];
    for (const { name, module } of batch) {
      if (this.ending.signal.aborted) return;
      try {
        const files = await moduleFiles(module);
        const content = await contentOf(files);
        const same = anew ? undefined : await this.cache.sameContent(module.path, content, files.watched);
        if (same) this.keep(name, same);
        else stale.push({ name, module, files, content });
      } catch (error) {
        this.log.warn({ component: name, error }, 'a module cannot be read');
      }
    }
    for (const language of ['python', 'javascript'] as const) {
      const ofIt = stale.filter(({ module }) => module.language === language);
      if (ofIt.length > 0) await this.profileModules(language, ofIt);
    }
  }

  private async profileModules(language: ScannedModule['language'], stale: readonly Stale[]): Promise<void> {
    const sources = [...new Set(stale.flatMap(({ files }) => files.sources))];
    const facts = await this.reader.read(language, sources, this.ending.signal);
    for (const { name, module, files, content } of stale) {
      if (this.ending.signal.aborted) return;
      const ofIt = files.sources.flatMap((file) => facts.get(file) ?? []);
      const estimated = estimate(module, ofIt, files.dependencies);
      this.keep(name, this.dated(estimated));
      const profile = this.dated(await this.imports.tried(module, files, estimated, ofIt, this.ending.signal));
      this.keep(name, profile);
      const stamp = stampOf(files.watched);
      if (stamp === undefined || this.ending.signal.aborted) continue;
      await this.cache.save({
        subject: module.path,
        content,
        watched: files.watched,
        stamp,
        profile,
        profiled_at: this.clock.now(),
      });
    }
  }

  private dated(estimated: Estimate): Profile {
    return { ...estimated, profiledAt: this.clock.now().toISOString() };
  }
}
