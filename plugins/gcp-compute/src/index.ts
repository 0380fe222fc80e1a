import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { GcpComputeConfig } from './config.js';
import { GcpCompute } from './gcp-compute.driver.js';

/** `compute` for Google Cloud: VMs of Compute Engine. */
export default definePlugin({
  name: 'gcp-compute',
  apiVersion: PLUGIN_API_VERSION,
  config: GcpComputeConfig,
  capabilities: { compute: (context, config) => new GcpCompute(context, config) },
});
