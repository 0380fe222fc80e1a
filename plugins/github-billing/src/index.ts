import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { GithubBillingConfig } from './config.js';
import { GithubBilling } from './github-billing.source.js';

/** `costSource` for what an organization or a user pays GitHub: Actions, Copilot, Codespaces, Packages, storage. */
export default definePlugin({
  name: 'github-billing',
  apiVersion: PLUGIN_API_VERSION,
  config: GithubBillingConfig,
  capabilities: { costSource: (context, config) => new GithubBilling(context, config) },
});
