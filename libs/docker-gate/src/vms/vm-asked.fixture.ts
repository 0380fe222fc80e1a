const MIB = 2 ** 20;
export const AGENT_ID = 'a1'.repeat(32);

const labels = (part: string, memoryMb: number) => ({
  'purser-installation': 'i',
  'purser-vm': 'v',
  'purser-component': 'embedder',
  'purser-expires': '1795950000',
  'purser.managed': 'true',
  'purser.stop': 'true',
  'purser.protect': 'false',
  'purser.vm-name': 'purser-0a1b2c3d-1',
  'purser.part': part,
  'purser.machine-type': 'docker-1g',
  'purser.memory-mb': String(memoryMb),
  'purser.spot': 'true',
  'purser.disk-gb': '20',
});

const confined = (memoryMb: number) => ({
  AutoRemove: true,
  CapDrop: ['ALL'],
  SecurityOpt: ['no-new-privileges'],
  Memory: memoryMb * MIB,
  MemorySwap: memoryMb * MIB,
  PidsLimit: 1_024,
  LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
});

/** As docker-compute asks for them. */
export const agentAsked = (seconds = 90) => ({
  name: 'purser-0a1b2c3d-1-agent',
  Image: 'purser:local',
  Entrypoint: ['timeout', '-k', '5', String(seconds), 'node', '/app/apps/vm-agent/dist/main.js'],
  Cmd: [] as string[],
  Env: ['PASSWORD=secret'],
  Labels: labels('agent', 1_024),
  HostConfig: {
    ...confined(192),
    Init: true,
    NetworkMode: 'mine_vms',
    ExtraHosts: ['host.docker.internal:host-gateway'],
  },
});

export const componentAsked = (agentId = AGENT_ID, memoryMb = 1_024) => ({
  name: 'purser-0a1b2c3d-1',
  Image: 'embedder:1',
  Env: [] as string[],
  Labels: labels('component', memoryMb),
  HostConfig: {
    ...confined(memoryMb),
    NanoCpus: 1e9,
    NetworkMode: `container:${agentId}`,
    PidMode: `container:${agentId}`,
  },
});
