import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import {
  loadPlugins,
  PluginEntry,
  type PluginEntryInput,
  pluginContexts,
  readPluginEntries,
} from '@purser/plugin-host';
import { CONFIG, type Environment, hideSecret, Log } from '@purser/service';
import { type Config, ENVIRONMENT } from '../config.js';
import { Providers } from './providers.js';

export const DEFAULT_PLUGINS: readonly PluginEntryInput[] = [
  { use: '@purser/openai' },
  { use: '@purser/anthropic' },
  { use: '@purser/huggingface' },
  { use: '@purser/google-speech' },
  { use: '@purser/ollama' },
];

/** Finds the model providers that `plugins.json` names. */
@Injectable()
export class PluginLoader {
  private readonly stopping = new AbortController();

  constructor(
    private readonly providers: Providers,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(ENVIRONMENT) private readonly env: Environment,
  ) {}

  /** A file that names no model provider at all leaves the standard ones in place. */
  async load(): Promise<void> {
    const file = join(this.config.PURSER_CONFIG_DIR, 'plugins.json');
    const { entries, resolveFrom } = await readPluginEntries(file, DEFAULT_PLUGINS);
    const named = await this.loadFrom(entries, resolveFrom);
    const { loaded, failed } =
      named.loaded.length + named.failed.length > 0
        ? named
        : await this.loadFrom(
            DEFAULT_PLUGINS.map((entry) => PluginEntry.parse(entry)),
            resolveFrom,
          );
    this.providers.start(loaded, failed);
  }

  private loadFrom(entries: readonly PluginEntry[], resolveFrom: string) {
    return loadPlugins({
      entries,
      resolveFrom,
      capability: 'modelProvider',
      contextFor: pluginContexts({ env: this.env, logger: this.log, signal: this.stopping.signal, hide: hideSecret }),
    });
  }

  stop(): void {
    this.providers.stop();
    this.stopping.abort();
  }
}
