import { agentAsked, AGENT_ID, componentAsked } from './vm-asked.fixture.js';
import { vmBodyOf, vmContainerFor } from './vm-body.js';
import { VmGateSettings } from './vm-settings.js';

const settings = (changes: Record<string, string> = {}) =>
  VmGateSettings.parse({
    PURSER_GATE_SOCKET: '/run/gate.sock',
    PURSER_GATE_INSTALLATION: 'mine',
    PURSER_GATE_NETWORK: 'mine_vms',
    ...changes,
  });
const room = { memoryMb: 2_048, cpus: 2 };
const AGENT = 'purser-0a1b2c3d-1-agent';
const COMPONENT = 'purser-0a1b2c3d-1';

type Asked = ReturnType<typeof agentAsked> | ReturnType<typeof componentAsked>;
const host = (asked: Asked, changes: object): object => ({
  ...asked,
  HostConfig: { ...asked.HostConfig, ...changes },
});
const labelled = (asked: Asked, changes: object): object => ({ ...asked, Labels: { ...asked.Labels, ...changes } });

it('writes both containers of a VM anew, with what nobody may leave out', () => {
  const agent = vmBodyOf(agentAsked(), AGENT, settings(), room);
  expect(vmContainerFor(agent, 1_795_950_000, settings())).toMatchObject({
    Entrypoint: ['timeout', '-k', '5', '90', 'node', '/app/apps/vm-agent/dist/main.js'],
    Labels: { 'purser.stop': 'true', 'purser.vm-gate': 'mine', 'purser.vm-ends': '1795950000' },
    HostConfig: { CapDrop: ['ALL'], RestartPolicy: { Name: 'no' }, NetworkMode: 'mine_vms', NanoCpus: 1e9 },
  });
  expect(vmContainerFor(agent, 1, settings())).not.toHaveProperty('HostConfig.ExtraHosts');
  const component = vmBodyOf(componentAsked(), COMPONENT, settings(), room);
  expect(component).toMatchObject({ part: 'component', agentId: AGENT_ID });
  const written = vmContainerFor(component, 1, settings());
  expect(written).toMatchObject({ HostConfig: { PidMode: `container:${AGENT_ID}`, Memory: 2 ** 30 } });
  expect(written).not.toHaveProperty('name');
});

it('lets both containers of a session have one user and a folder of their own', () => {
  const User = '1000:1000';
  const agent = vmBodyOf({ ...agentAsked(), User, Volumes: { '/purser': {} } }, AGENT, settings(), room);
  expect(vmContainerFor(agent, 1, settings())).toMatchObject({ User, Volumes: { '/purser': {} } });
  const asked = { ...host(componentAsked(), { VolumesFrom: [AGENT_ID] }), User, Entrypoint: ['sh'], Cmd: ['-c', 'x'] };
  expect(vmContainerFor(vmBodyOf(asked, COMPONENT, settings(), room), 1, settings())).toMatchObject({
    ...{ User, Entrypoint: ['sh'], Cmd: ['-c', 'x'] },
    HostConfig: { VolumesFrom: [AGENT_ID], CapDrop: ['ALL'] },
  });
});

it.each<[string, string, object]>([
  ['a privileged one', AGENT, host(agentAsked(), { Privileged: true })],
  ['one with a mount', COMPONENT, host(componentAsked(), { Mounts: [] })],
  ['one with a folder of the machine', COMPONENT, host(componentAsked(), { Binds: ['/:/host'] })],
  ['one with a device', COMPONENT, host(componentAsked(), { Devices: [] })],
  ['one with published ports', AGENT, host(agentAsked(), { PortBindings: {} })],
  ['one with rights', COMPONENT, host(componentAsked(), { CapAdd: ['SYS_ADMIN'] })],
  ['one that keeps its rights', COMPONENT, host(componentAsked(), { CapDrop: [] })],
  ['one that begins again', COMPONENT, host(componentAsked(), { RestartPolicy: { Name: 'always' } })],
  ['one in the machine’s network', AGENT, host(agentAsked(), { NetworkMode: 'host' })],
  ['one in another network', AGENT, host(agentAsked(), { NetworkMode: 'mine_purser' })],
  ['a component that joins a network', COMPONENT, host(componentAsked(), { NetworkMode: 'mine_vms' })],
  ['a component among the machine’s processes', COMPONENT, host(componentAsked(), { PidMode: 'host' })],
  ['an agent among the machine’s processes', AGENT, host(agentAsked(), { PidMode: 'host' })],
  ['one in the machine’s memory segments', AGENT, host(agentAsked(), { IpcMode: 'host' })],
  ['a component of two agents', COMPONENT, host(componentAsked(), { PidMode: `container:${'b2'.repeat(32)}` })],
  ['one by another way to the host', AGENT, host(agentAsked(), { ExtraHosts: ['nats:10.0.0.1'] })],
  ['one without a limit of its memory', COMPONENT, host(componentAsked(), { Memory: 0 })],
  ['one with swap', COMPONENT, host(componentAsked(), { MemorySwap: -1 })],
  ['one larger than all may be', COMPONENT, componentAsked(AGENT_ID, 4_096)],
  ['one with a label of less memory', COMPONENT, labelled(componentAsked(), { 'purser.memory-mb': '1' })],
  ['one with too many processors', COMPONENT, host(componentAsked(), { NanoCpus: 3e9 })],
  ['one with too many processes', COMPONENT, host(componentAsked(), { PidsLimit: 1_025 })],
  ['one without a limit of processors', COMPONENT, host(componentAsked(), { NanoCpus: undefined })],
  ['one without the label that an emergency stops by', AGENT, labelled(agentAsked(), { 'purser.stop': 'false' })],
  ['one that is protected', AGENT, labelled(agentAsked(), { 'purser.protect': 'true' })],
  ['one with the gate’s own label', AGENT, labelled(agentAsked(), { 'purser.vm-gate': 'other' })],
  ['one without an installation', AGENT, labelled(agentAsked(), { 'purser-installation': '' })],
  ['one under another name', 'purser-0a1b2c3d-other', componentAsked()],
  ['one with two names', COMPONENT, { ...componentAsked(), name: 'purser-0a1b2c3d-other' }],
  ['an agent without an end', AGENT, { ...agentAsked(), Entrypoint: ['node', 'main.js'] }],
  ['an agent that is something else', AGENT, { ...agentAsked(), Entrypoint: ['timeout', '-k', '5', '90', 'sh'] }],
  ['an agent with more behind it', AGENT, { ...agentAsked(), Entrypoint: [...agentAsked().Entrypoint, '-x'] }],
  ['an agent that lives too long', AGENT, agentAsked(121 * 3_600)],
  ['an agent of much memory', AGENT, host(agentAsked(), { Memory: 2 ** 30, MemorySwap: 2 ** 30 })],
  ['a long entrypoint for a component', COMPONENT, { ...componentAsked(), Entrypoint: ['sh', '-c'] }],
  ['one with root said', AGENT, { ...agentAsked(), User: '0:0' }],
  ['one with a volume elsewhere', AGENT, { ...agentAsked(), Volumes: { '/app': {} } }],
  ['one with a volume by its name', AGENT, { ...agentAsked(), Volumes: { '/purser': { Name: 'x' } } }],
  ['one with volumes of another', COMPONENT, host(componentAsked(), { VolumesFrom: ['b2'.repeat(32)] })],
  ['one with volumes of a name', COMPONENT, host(componentAsked(), { VolumesFrom: ['postgres'] })],
  ['what is no object', COMPONENT, []],
])('refuses %s', (_what, name, asked) => {
  expect(() => vmBodyOf(asked, name, settings(), room)).toThrow();
});

it('holds both to the images that the operator names', () => {
  const own = settings({ PURSER_GATE_IMAGES: 'registry.example.com/ai', PURSER_GATE_AGENT_IMAGE: 'purser:local' });
  expect(vmBodyOf(agentAsked(), AGENT, own, room)).toMatchObject({ part: 'agent', seconds: 90 });
  expect(() => vmBodyOf({ ...agentAsked(), Image: 'other:1' }, AGENT, own, room)).toThrow('purser:local');
  expect(() => vmBodyOf(componentAsked(), COMPONENT, own, room)).toThrow('registry.example.com/ai');
  const image = 'registry.example.com/ai/embedder:3';
  expect(vmBodyOf({ ...componentAsked(), Image: image }, COMPONENT, own, room)).toMatchObject({ Image: image });
});

it('takes what compose leaves empty for not said', () => {
  const none = settings({ PURSER_GATE_MEMORY_MB: '', PURSER_GATE_CPUS: '', PURSER_GATE_AGENT_IMAGE: '' });
  expect(none).toMatchObject({ PURSER_GATE_VMS: 32, PURSER_GATE_PULL: true });
  expect(none.PURSER_GATE_MEMORY_MB).toBeUndefined();
});
