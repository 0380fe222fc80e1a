import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { SmtpConfig } from './config.js';
import { SmtpNotifier } from './smtp.notifier.js';

/**
 * `notifier` by mail. With SMTP_SERVER and ALERT_EMAIL in the environment it needs no entry in plugins.json; with one:
 *
 * ```json
 * {"use": "@purser/smtp", "config": {"server": "smtp.example.org", "to": ["ops@example.org"]}}
 * ```
 */
export default definePlugin({
  name: 'smtp',
  apiVersion: PLUGIN_API_VERSION,
  config: SmtpConfig,
  capabilities: { notifier: (context, config) => new SmtpNotifier(context, config) },
});
