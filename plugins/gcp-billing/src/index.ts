import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { GcpBillingConfig } from './config.js';
import { GcpBilling } from './gcp-billing.source.js';

/** `costSource` for Google Cloud: reads the billing account's export to BigQuery. */
export default definePlugin({
  name: 'gcp-billing',
  apiVersion: PLUGIN_API_VERSION,
  config: GcpBillingConfig,
  capabilities: { costSource: (context, config) => new GcpBilling(context, config) },
});
