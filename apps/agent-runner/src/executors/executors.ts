import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import type { Executor } from '@purser/plugin-sdk';
import { loadPlugins, pluginContexts, type PluginEntry, readPluginEntries } from '@purser/plugin-host';
import { type Assignment, type ExecutorOffer, ExecutorOffers, PLACED_ON_VM } from '@purser/contracts';
import { CONFIG, HeartbeatPublisher, Log, Readiness } from '@purser/service';
import type { Config } from '../config.js';
import { PlacedExecutor } from '../placing/placed.executor.js';
import { CONTAINER, containerEntries } from './container-entry.js';
import { inputSchema } from './input-schema.js';

/** One that cannot be loaded does not take the others with it. */
const STANDARD: readonly PluginEntry[] = ['@purser/command', '@purser/chat'].map((use) => ({ use, config: {} }));

/** Those whose programs a VM can run as well. */
const PLACEABLE: ReadonlySet<string> = new Set(['command', 'container']);

/** The executors of this runner, by the names that tasks give. */
@Injectable()
export class Executors {
  private readonly byName = new Map<string, Executor>();
  /** Told with every heartbeat, so that wrong input is refused when a task is handed in. */
  private offers: ExecutorOffer[] = [];
  private readonly closing = new AbortController();

  constructor(
    private readonly log: Log,
    readiness: Readiness,
    private readonly heartbeat: HeartbeatPublisher,
    @Inject(CONFIG) private readonly config: Config,
    private readonly placed: PlacedExecutor,
  ) {
    readiness.add('executors', () => {
      if (this.byName.size === 0) throw new Error('no executor plugin could be loaded; see the log for why');
    });
    heartbeat.carry(() => Promise.resolve({ executors: this.offers }));
  }

  get names(): string[] {
    return [...this.byName.keys()];
  }

  find(name: string): Executor | undefined {
    return this.byName.get(name);
  }

  /** The one that runs a task's sessions: where it is labelled so, on a VM in the place of this machine. */
  of(task: Pick<Assignment, 'executor' | 'labels' | 'limits' | 'project' | 'ancestors'>): Executor | undefined {
    const executor = this.find(task.executor);
    const isPlaced = task.labels.includes(PLACED_ON_VM) && PLACEABLE.has(task.executor);
    return executor && isPlaced ? this.placed.for(task) : executor;
  }

  /** Its label asks for a VM, which no executor of that name knows how to use. */
  runsHereAllTheSame({ executor, labels }: Pick<Assignment, 'executor' | 'labels'>): boolean {
    return labels.includes(PLACED_ON_VM) && !PLACEABLE.has(executor);
  }

  /** From config/plugins.json; a file that names no executor at all leaves the standard ones in place. */
  async load(): Promise<void> {
    const file = join(this.config.PURSER_CONFIG_DIR, 'plugins.json');
    const { entries, resolveFrom } = await readPluginEntries(file, STANDARD);
    await this.loadFrom(
      entries.filter(({ use }) => use !== CONTAINER),
      resolveFrom,
    );
    const named = entries.some(({ use }) => STANDARD.some((standard) => standard.use === use));
    if (this.byName.size === 0 && !named) await this.loadFrom(STANDARD, resolveFrom);
    await this.loadFrom(await containerEntries(entries, this.config), resolveFrom);
    const offers = ExecutorOffers.safeParse(
      [...this.byName].map(([name, { input }]) => ({ name, input: inputSchema(input) })),
    );
    if (offers.success) this.offers = offers.data;
    else
      this.log.warn(
        { reason: offers.error.message },
        'the executors are not announced; wrong input of tasks is refused when they run',
      );
    void this.heartbeat.beat();
  }

  close(): void {
    this.closing.abort();
  }

  private async loadFrom(entries: readonly PluginEntry[], resolveFrom: string): Promise<void> {
    const env = Object.fromEntries(
      Object.entries(this.config).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
    const { loaded, failed } = await loadPlugins({
      entries,
      resolveFrom,
      capability: 'executor',
      contextFor: pluginContexts({ env, logger: this.log, signal: this.closing.signal }),
    });
    for (const { name, use, reason } of failed)
      this.log.error({ plugin: name ?? use, reason }, 'a plugin could not be loaded; its executor is not offered');
    for (const { name, instance } of loaded) this.byName.set(name, instance);
  }
}
