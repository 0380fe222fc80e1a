import { PluginEntry } from '@purser/plugin-host';
import { entriesFor } from './notifier-loader.js';

const uses = (named: string[], env: Record<string, string>, config: Parameters<typeof entriesFor>[2] = {}) =>
  entriesFor(
    named.map((use) => PluginEntry.parse({ use })),
    env,
    config,
  ).map(({ use }) => use);

const MAIL = { SMTP_SERVER: 'smtp.example.org', ALERT_EMAIL: 'ops@example.org' };

it.each<[string, string[], Record<string, string>, Parameters<typeof entriesFor>[2], string[]]>([
  ['nothing', [], {}, {}, []],
  ['a server and an address', [], MAIL, {}, ['@purser/smtp']],
  ['a server alone', [], { SMTP_SERVER: 'smtp.example.org' }, {}, []],
  ['mail that is asked for', [], {}, { ENABLE_EMAIL_ALERTS: true }, ['@purser/smtp']],
  ['mail that is turned off', ['@purser/smtp', './x.mjs'], MAIL, { ENABLE_EMAIL_ALERTS: false }, ['./x.mjs']],
  ['mail that the file names', ['@purser/smtp'], MAIL, { ENABLE_EMAIL_ALERTS: true }, ['@purser/smtp']],
  ['the desktop', [], {}, { ENABLE_DESKTOP_NOTIFICATIONS: true }, ['@purser/desktop']],
  ['no desktop', ['@purser/desktop'], {}, { ENABLE_DESKTOP_NOTIFICATIONS: false }, []],
])('loads notifiers for %s', (_, named, env, config, expected) => {
  expect(uses(named, env, config)).toEqual(expected);
});
