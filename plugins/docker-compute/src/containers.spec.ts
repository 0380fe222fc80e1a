import type { VmSpec } from '@purser/plugin-sdk';
import { agentBody, componentBody, Inspected, Listed, resourceOf } from './containers.js';

const spec: VmSpec = {
  name: 'purser-0a1b2c3d-1',
  requestId: 'r',
  zone: 'docker',
  machineType: 'docker-1g',
  spot: true,
  diskGb: 10,
  maxRunSeconds: 90,
  labels: { 'purser-installation': 'i', 'purser-vm': 'v' },
  startup: {
    component: { image: 'embeddings:1', command: [], env: { PORT: '9000' } },
    agent: { image: 'purser:local', env: { PURSER_VM: 'v' } },
  },
};
const type = { name: 'docker-1g', memoryMb: 1_024, cpus: 1.5 };

describe('the two containers of a VM', () => {
  it('have no rights, no mounts and no swap, and are removed when they end', () => {
    for (const { HostConfig } of [agentBody(spec, type, 'bridge'), componentBody(spec, type, 'a')]) {
      expect(HostConfig).toMatchObject({ CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'], AutoRemove: true });
      expect(HostConfig?.MemorySwap).toBe(HostConfig?.Memory);
      for (const no of ['Binds', 'Mounts', 'Privileged', 'CapAdd', 'Devices', 'PortBindings'])
        expect(HostConfig).not.toHaveProperty(no);
    }
  });

  it('give the component the machine’s memory and processors, and the agent’s network and end', () => {
    expect(componentBody(spec, type, 'a').HostConfig).toMatchObject({
      Memory: 1_024 * 2 ** 20,
      NanoCpus: 1_500_000_000,
      NetworkMode: 'container:a',
      PidMode: 'container:a',
    });
    expect(agentBody(spec, type, 'bridge').Entrypoint).toEqual([
      'timeout',
      '-k',
      '5',
      '90',
      'node',
      '/app/apps/vm-agent/dist/main.js',
    ]);
  });

  it('keep the command of the image unless there is another, and tell no secret in a label', () => {
    expect(componentBody(spec, type, 'a')).not.toHaveProperty('Cmd');
    expect(JSON.stringify(agentBody(spec, type, 'bridge').Labels)).not.toContain('PURSER_VM');
    expect(agentBody(spec, type, 'bridge').Labels).toMatchObject({ 'purser.managed': 'true', 'purser.stop': 'true' });
  });

  it('share a folder that goes with them, and a user, where a session needs it', () => {
    const shared = { folder: '/purser', user: '1000:1000' };
    const component = { image: 'python:3', entrypoint: 'sh', command: ['-c', 'run'], env: {} };
    const session = { ...spec, startup: { ...spec.startup, component, shared } };
    expect(agentBody(session, type, 'bridge')).toMatchObject({ User: '1000:1000', Volumes: { '/purser': {} } });
    expect(componentBody(session, type, 'a')).toMatchObject({
      User: '1000:1000',
      Entrypoint: ['sh'],
      Cmd: ['-c', 'run'],
      HostConfig: { VolumesFrom: ['a'], CapDrop: ['ALL'] },
    });
  });

  it('run together, or else are half a VM', () => {
    const labels = agentBody(spec, type, 'bridge').Labels as Record<string, string>;
    const seen = (status: string) => ({ id: 'x', labels, status, createdAt: new Date(0) });
    expect(resourceOf(spec.name, [seen('running'), seen('running')])).toMatchObject({
      state: 'running',
      labels: spec.labels,
      machineType: 'docker-1g',
      spot: true,
      diskGb: 10,
    });
    expect(resourceOf(spec.name, [seen('created')]).state).toBe('starting');
    // It was whole, and the other half has ended.
    expect(resourceOf(spec.name, [seen('running')]).state).toBe('stopped');
    const component = { ...seen('running'), labels: componentBody(spec, type, 'a').Labels as Record<string, string> };
    expect(resourceOf(spec.name, [component]).state).toBe('stopped');
    expect(resourceOf(spec.name, [seen('running'), seen('created')]).state).toBe('starting');
    expect(resourceOf(spec.name, [seen('running'), seen('exited')]).state).toBe('stopped');
    expect(resourceOf(spec.name, [seen('removing'), seen('exited')]).state).toBe('stopping');
  });

  it('are as old in a list as by an inspection', () => {
    const listed = Listed.parse({ Id: 'x', Labels: {}, State: 'running', Created: 1_795_947_338 });
    const inspected = Inspected.parse({
      Id: 'x',
      Created: '2026-11-29T10:15:38.712345678Z',
      Config: { Labels: {} },
      State: { Status: 'running' },
    });
    expect(inspected).toEqual(listed);
  });
});
