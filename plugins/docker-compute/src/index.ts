import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { DockerComputeConfig } from './config.js';
import { DockerCompute } from './docker-compute.driver.js';

/** `compute` by a Docker engine: two containers with a machine's memory limit are a VM. */
export default definePlugin({
  name: 'docker-compute',
  apiVersion: PLUGIN_API_VERSION,
  config: DockerComputeConfig,
  capabilities: { compute: (context, config) => new DockerCompute(context, config) },
});
