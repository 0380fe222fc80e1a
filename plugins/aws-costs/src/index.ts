import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { AwsCostsSource } from './aws-costs.source.js';
import { AwsCostsConfig } from './config.js';

/**
 * `costSource` for AWS: what Cost Explorer tells by day and service. Its permission: `ce:GetCostAndUsage`. Its price: a cent
 * a request, which it charges to the ledger.
 */
export default definePlugin({
  name: 'aws-costs',
  apiVersion: PLUGIN_API_VERSION,
  config: AwsCostsConfig,
  capabilities: { costSource: (context, config) => new AwsCostsSource(context, config) },
});
