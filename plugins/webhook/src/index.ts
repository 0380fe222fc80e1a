import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { WebhookConfig } from './config.js';
import { WebhookNotifier } from './webhook.notifier.js';

/**
 * `notifier` by HTTP POST: a signed webhook (Standard Webhooks), or what Slack, Discord, ntfy or PagerDuty read. It may be
 * configured several times under different names:
 *
 * ```json
 * {"use": "@purser/webhook", "name": "slack", "config": {"template": "slack", "urlEnv": "SLACK_WEBHOOK_URL"}}
 * {"use": "@purser/webhook", "name": "hook",
 *  "config": {"url": "https://example.org/purser", "secretEnv": "PURSER_WEBHOOK_SECRET"}}
 * ```
 */
export default definePlugin({
  name: 'webhook',
  apiVersion: PLUGIN_API_VERSION,
  config: WebhookConfig,
  capabilities: { notifier: (context, config) => new WebhookNotifier(context, config) },
});
