import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { CONFIG, EmergencyStop, Log } from '@purser/service';
import { emergency } from './calls/attempt-planner.js';
import { CallsInFlight } from './calls/calls-in-flight.js';
import type { Config } from './config.js';
import { Metering } from './metering.js';
import { PluginLoader } from './models/plugin-loader.js';

/** How long calls that were cut off have to settle. */
const SETTLE_MS = 2_000;

/** What happens in which order when the gateway starts, stops, and in an emergency. */
@Injectable()
export class Lifecycle implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    private readonly metering: Metering,
    private readonly plugins: PluginLoader,
    private readonly calls: CallsInFlight,
    stop: EmergencyStop,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    stop.register(async (latch) => {
      const { paid, free } = calls.abortAll(emergency(latch));
      await calls.quiet(SETTLE_MS);
      return [...(paid > 0 ? [`${paid} paid calls`] : []), ...(free > 0 ? [`${free} free calls`] : [])];
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    await Promise.all([this.metering.start(), this.plugins.load()]);
  }

  async onModuleDestroy(): Promise<void> {
    this.calls.close();
    if (!(await this.calls.quiet(this.config.PURSER_GRACE_MS))) {
      const cut = this.calls.abortAll(new PurserError('unavailable', { message: 'this gateway is stopping' }));
      this.log.warn(cut, 'calls were cut off: they did not end within the grace period');
      await this.calls.quiet(SETTLE_MS);
    }
    this.plugins.stop();
    await this.metering.stop();
  }
}
