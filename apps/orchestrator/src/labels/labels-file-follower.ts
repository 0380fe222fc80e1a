import { isDeepStrictEqual } from 'node:util';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { CONFIG, Log, Ticker } from '@purser/service';
import type { Config } from '../config.js';
import { LabelLimits } from './label-limits.service.js';
import { loadLabelsFile } from './labels-file.js';

const LOOK_EVERY_MS = 2_000;

/**
 * Lets config/labels.json hold, and its changes within two seconds. A file that is missing as a whole takes no limits off:
 * a lost mount must not. One that cannot be read is told, and what it said before stays.
 */
@Injectable()
export class LabelsFileFollower implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly ticker = new Ticker(LOOK_EVERY_MS, () => {
    this.looking ??= this.look();
  });
  private looking: Promise<void> | undefined;
  private applied: unknown;
  private told: string | undefined;

  constructor(
    private readonly labels: LabelLimits,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Pick<Config, 'PURSER_CONFIG_DIR'>,
  ) {}

  /** A bad file stops the start. */
  async onApplicationBootstrap(): Promise<void> {
    await this.apply();
    this.ticker.start();
  }

  async onModuleDestroy(): Promise<void> {
    this.ticker.stop();
    await this.looking;
  }

  private async look(): Promise<void> {
    try {
      await this.apply();
      this.told = undefined;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.told) this.log.error({ error }, 'labels.json is not applied; what it said before stays');
      this.told = message;
    } finally {
      this.looking = undefined;
    }
  }

  private async apply(): Promise<void> {
    const file = await loadLabelsFile(this.config.PURSER_CONFIG_DIR);
    if (file === undefined || isDeepStrictEqual(file, this.applied)) return;
    await this.labels.follow(file);
    this.applied = file;
    this.log.info({ labels: Object.keys(file) }, 'the configured limits of labels are applied');
  }
}
