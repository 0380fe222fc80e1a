import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { GithubIssueConfig } from './config.js';
import { GithubIssueNotifier } from './github-issue.notifier.js';

/**
 * `notifier` that keeps one open issue per alert: opened when it fires, commented when it fires again, closed when it is
 * over. Needs GITHUB_TOKEN with the right to write issues.
 *
 * ```json
 * {"use": "@purser/github-issue", "config": {"repository": "acme/ops"}}
 * ```
 */
export default definePlugin({
  name: 'github-issue',
  apiVersion: PLUGIN_API_VERSION,
  config: GithubIssueConfig,
  capabilities: { notifier: (context, config) => new GithubIssueNotifier(context, config) },
});
