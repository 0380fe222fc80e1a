import type { CallOptions, Notice, Notifier } from '@purser/plugin-sdk';
import type { TestWatchdog } from '../watchdog.fixture.js';
import { AlertExpiry } from './alert-expiry.service.js';
import { type ChannelSettings, settingsOf, AlertsFile } from './alerts-file.js';
import { AlertsService, type NewAlert } from './alerts.service.js';
import { BundlingService } from './bundling.service.js';
import { ChannelRegistry } from './channel-registry.service.js';
import { Channels } from './channels.js';
import { DailyReport } from './daily-report.service.js';
import { DeliveryService } from './delivery.service.js';

/** A channel that keeps what it is given, and fails as long as it is told to. */
export class RecordedChannel implements Notifier {
  readonly sent: Notice[] = [];
  attempts = 0;
  fails: string | undefined;
  /** Attempts wait for it. */
  held: Promise<void> | undefined;

  constructor(
    readonly name: string,
    readonly single = false,
    readonly reports = true,
  ) {}

  async send(notice: Notice, _options: CallOptions): Promise<void> {
    this.attempts += 1;
    await this.held;
    if (this.fails !== undefined) throw new Error(this.fails);
    this.sent.push(notice);
  }

  /** `firing budget_warning`, and so on, in the order in which they came. */
  get heard(): string[] {
    return this.sent.map(({ state, kind }) => `${state} ${kind}`);
  }
}

export async function giveChannels(
  watchdog: TestWatchdog,
  channels: readonly RecordedChannel[],
  settings: Record<string, Partial<ChannelSettings>> = {},
): Promise<void> {
  const standard = AlertsFile.parse({});
  watchdog.get(Channels).take(
    channels.map((notifier) => ({
      name: notifier.name,
      use: `./${notifier.name}.mjs`,
      notifier,
      settings: { ...settingsOf(standard, notifier.name), ...settings[notifier.name] },
    })),
  );
  await watchdog.get(ChannelRegistry).announce();
}

/** What the sweeps do, at the time of the watchdog's clock, until nothing is left to be done then. */
export async function sweep(watchdog: TestWatchdog): Promise<void> {
  await watchdog.get(ChannelRegistry).announce();
  await watchdog.get(AlertExpiry).tidy();
  await watchdog.get(DailyReport).sendWhenDue();
  await watchdog.get(BundlingService).bundle(watchdog.clock.now());
  watchdog.get(DeliveryService).send();
  await watchdog.get(DeliveryService).idle();
}

/** Raises an alert about something. */
export const raise = (watchdog: TestWatchdog, about: string, more: Partial<NewAlert> = {}): Promise<void> =>
  watchdog.get(AlertsService).raise({
    severity: 'warning',
    kind: 'spec',
    title: `Something with ${about}`,
    details: {},
    about,
    ...more,
  });
