import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import {
  type FailedPlugin,
  loadPlugins,
  PluginEntry,
  type PluginEntryInput,
  pluginContexts,
  readPluginEntries,
} from '@purser/plugin-host';
import { CONFIG, type Environment, hideSecret, Log } from '@purser/service';
import { type BudgetsFile, BUDGETS_FILE } from '../budgets/budgets-file.js';
import { type Config, ENVIRONMENT } from '../config.js';
import { ALERTS_FILE, type AlertsFile, settingsOf } from './alerts-file.js';
import { Channels, type UnusableChannel } from './channels.js';

const SMTP = '@purser/smtp';
const DESKTOP = '@purser/desktop';
const NOTIFIERS = new Set([SMTP, DESKTOP, '@purser/github-issue', '@purser/webhook']);

/** Finds the notifiers that `plugins.json` names, and those that the environment asks for without an entry there. */
@Injectable()
export class NotifierLoader {
  constructor(
    private readonly channels: Channels,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(ENVIRONMENT) private readonly env: Environment,
    @Inject(ALERTS_FILE) private readonly file: AlertsFile,
    @Inject(BUDGETS_FILE) private readonly budgets: Pick<BudgetsFile, 'alertEmail'>,
  ) {}

  async load(): Promise<void> {
    const { entries: named, resolveFrom } = await readPluginEntries(
      join(this.config.PURSER_CONFIG_DIR, 'plugins.json'),
      [],
    );
    const settled = new Set(Object.keys(this.file.channels));
    const env = { ...this.env, ALERT_EMAIL: addressOf(this.env) ?? this.budgets.alertEmail };
    const wanted = entriesFor(named, env, this.config);
    const { loaded, failed } = await loadPlugins({
      entries: wanted.map((entry) => PluginEntry.parse(entry)),
      resolveFrom,
      capability: 'notifier',
      contextFor: pluginContexts({ env, logger: this.log, signal: this.channels.signal, hide: hideSecret }),
    });
    for (const { name, use, reason } of failed)
      this.log.error(
        { plugin: name ?? use, reason },
        'a plugin could not be loaded; if it is a notifier, nobody is told by it',
      );
    // What could not even be imported may be anybody's; the other services tell of theirs.
    const unusable = failed.filter(({ name, use }) => NOTIFIERS.has(use) || settled.has(name ?? '')).map(unusableOf);
    this.channels.take(
      loaded.map(({ name, use, instance }) => ({
        name,
        use,
        notifier: instance,
        settings: settingsOf(this.file, name),
      })),
      unusable,
    );
    this.log.info({ channels: this.channels.names() }, 'people are told of alerts by these channels');
    for (const name of Object.keys(this.file.channels))
      if (!this.channels.has(name))
        this.log.warn({ channel: name }, 'config/alerts.json has settings for a channel that there is not');
  }
}

/** Shown under a name that may stand in a subject or a URL. */
const unusableOf = ({ name, use, reason }: FailedPlugin): UnusableChannel => ({
  name: name ?? ((use.split('/').at(-1) ?? '').replaceAll(/[^\w-]/g, '-').slice(0, 64) || 'unnamed'),
  use,
  reason,
});

/** JARVIS_ALERT_EMAIL is what an older tool read. */
const addressOf = (env: Environment): string | undefined =>
  env.ALERT_EMAIL?.trim() || env.JARVIS_ALERT_EMAIL?.trim() || undefined;

/**
 * Mail is on where a server and an address are known, the desktop where it is asked for; `false` turns each off, whatever
 * the file says.
 */
export function entriesFor(
  named: readonly PluginEntry[],
  env: Environment,
  config: Pick<Config, 'ENABLE_EMAIL_ALERTS' | 'ENABLE_DESKTOP_NOTIFICATIONS'>,
): PluginEntryInput[] {
  const { ENABLE_EMAIL_ALERTS: mail, ENABLE_DESKTOP_NOTIFICATIONS: desktop } = config;
  const off = [...(mail === false ? [SMTP] : []), ...(desktop === false ? [DESKTOP] : [])];
  const has = (use: string) => named.some((entry) => entry.use === use);
  const knowsMail = Boolean(env.SMTP_SERVER?.trim()) && Boolean(env.ALERT_EMAIL);
  return [
    ...named.filter(({ use }) => !off.includes(use)),
    ...(!has(SMTP) && (mail === true || (mail === undefined && knowsMail)) ? [{ use: SMTP }] : []),
    ...(!has(DESKTOP) && desktop === true ? [{ use: DESKTOP }] : []),
  ];
}
