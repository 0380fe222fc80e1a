import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ComputeFailed, definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { z } from 'zod';

/**
 * VMs that are two process groups of this machine, as `docker-compute` has two containers: the program's ends with the
 * agent's. What there is stands in a folder, as `<vm>/alive`.
 */
class ProcessCompute {
  provider = 'process';
  place = 'here';
  vms = new Map();

  constructor({ folder, agent }) {
    this.folder = folder;
    this.agent = agent;
  }

  async check() {}
  async zones() {
    return ['here'];
  }
  async machineTypes() {
    return [{ name: 'small', memoryMb: 4_096, cpus: 1 }];
  }

  async create({ name, labels, startup }) {
    const known = this.vms.get(name);
    if (known) return known.resource;
    if (startup.component.image === 'absent') throw new ComputeFailed('refused', 'there is no image "absent"');
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'alive'), '');
    const shared = { PATH: process.env.PATH, PURSER_VM_FOLDER: folder };
    const run = (program, args, env) =>
      spawn(program, args, { detached: true, stdio: 'ignore', env: { ...env, ...shared } });
    const { entrypoint, command, env } = startup.component;
    const component = run(entrypoint, command, env);
    const agent = run(process.execPath, [this.agent], startup.agent.env);
    const resource = {
      kind: 'vm',
      name,
      zone: 'here',
      labels,
      createdAt: new Date(),
      state: 'running',
      machineType: 'small',
      spot: false,
      diskGb: 0,
    };
    const end = () => {
      for (const { pid } of [agent, component]) {
        try {
          process.kill(-pid, 'SIGKILL');
        } catch {
          // It has ended.
        }
      }
      this.vms.delete(name);
      rmSync(join(folder, 'alive'), { force: true });
    };
    agent.once('exit', end);
    this.vms.set(name, { resource, end });
    return resource;
  }

  async list(installation) {
    return [...this.vms.values()]
      .map(({ resource }) => resource)
      .filter(({ labels }) => labels['purser-installation'] === installation);
  }
  async get({ name }) {
    return this.vms.get(name)?.resource;
  }
  async delete({ name }) {
    this.vms.get(name)?.end();
  }
}

export default definePlugin({
  name: 'process-compute',
  apiVersion: PLUGIN_API_VERSION,
  config: z.object({ folder: z.string(), agent: z.string() }),
  capabilities: { compute: (_, config) => new ProcessCompute(config) },
});
