import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Notice, Notifier } from '@purser/plugin-sdk';
import { withoutSecrets } from '@purser/service';
import type { ChannelSettings } from './alerts-file.js';
import type { ChannelOffer } from './channels.repository.js';
import { severityRank } from './telling.js';

/** One attempt takes no longer. The answer of `alerts.test` has to be there within the 10 s that callers wait. */
export const SEND_TIMEOUT_MS = 8_000;

export interface Channel {
  name: string;
  use: string;
  notifier: Notifier;
  settings: ChannelSettings;
}

export interface UnusableChannel {
  name: string;
  use: string;
  reason: string;
}

/** The ways to reach people that this watchdog has. */
@Injectable()
export class Channels implements OnModuleDestroy {
  private readonly byName = new Map<string, Channel>();
  private unusable: UnusableChannel[] = [];
  private readonly stopping = new AbortController();

  /** Aborted when this watchdog stops. */
  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  take(channels: readonly Channel[], unusable: readonly UnusableChannel[] = []): void {
    this.byName.clear();
    for (const channel of channels) this.byName.set(channel.name, channel);
    this.unusable = [...unusable];
  }

  all(): Channel[] {
    return [...this.byName.values()];
  }

  names(): string[] {
    return [...this.byName.keys()];
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  failed(): readonly UnusableChannel[] {
    return this.unusable;
  }

  offers(): ChannelOffer[] {
    const usable = this.all().map(({ name, use, notifier, settings }) => ({
      name,
      use,
      single: notifier.single ?? false,
      reports: settings.dailyReport && (notifier.reports ?? true),
      quiet: settings.quietHours,
      leastSeverity: leastSeverityOf({ notifier, settings }),
      unusable: null,
    }));
    const others = this.unusable.map(({ name, use, reason }) => ({
      name,
      use,
      single: false,
      reports: false,
      quiet: false,
      leastSeverity: 0,
      unusable: reason,
    }));
    return [...usable, ...others];
  }

  /** @throws an error without secrets, that says what is wrong with this channel */
  async send(name: string, notice: Notice): Promise<void> {
    const channel = this.byName.get(name);
    if (!channel) throw new Error(`there is no channel "${name}" here`);
    const signal = AbortSignal.any([this.stopping.signal, AbortSignal.timeout(SEND_TIMEOUT_MS)]);
    try {
      await Promise.race([channel.notifier.send(notice, { signal }), whenAborted(signal)]);
    } catch (error) {
      this.stopping.signal.throwIfAborted();
      // eslint-disable-next-line preserve-caught-error -- what caused it may tell secrets, and would be logged
      throw new Error(signal.aborted ? `no answer within ${SEND_TIMEOUT_MS / 1_000} s` : reasonOf(error));
    }
  }

  onModuleDestroy(): void {
    this.stopping.abort(new Error('the watchdog stops'));
  }
}

/** As configured, else what the notifier says of itself. */
export const leastSeverityOf = ({ notifier, settings }: Pick<Channel, 'notifier' | 'settings'>): number =>
  severityRank(settings.minSeverity ?? notifier.minSeverity ?? 'info');

/** A plugin that does not heed its signal must not hold up what comes after. */
function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

const MOST_REASON = 500;

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return withoutSecrets(message).slice(0, MOST_REASON) || 'it failed, and did not say why';
}
