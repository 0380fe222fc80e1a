import { containerFor, CreateBody, Refused } from './create-body.js';
import { GateSettings } from './settings.js';

const settings = (changes: Record<string, string> = {}) =>
  GateSettings.parse({
    PURSER_GATE_FOLDER: '/run/gate',
    PURSER_GATE_INSTALLATION: 'mine',
    PURSER_GATE_NETWORK: 'agents',
    PURSER_GATE_FOLDERS: '/home/purser/workspaces,/home/purser/sessions',
    PURSER_GATE_MEMORY_MB: '512',
    ...changes,
  });

const body = {
  Image: 'python:3.13-slim',
  Cmd: ['python3', '-c', 'print(1)'],
  Env: ['A=b'],
  WorkingDir: '/purser/workspace',
  User: '1000:1000',
  Labels: { 'purser.session': 's', 'purser.task': 't', 'purser.epoch': '1' },
  HostConfig: {
    Memory: 256 * 1024 * 1024,
    NanoCpus: 1e9,
    PidsLimit: 100,
    NetworkMode: 'agents',
    Mounts: [{ Type: 'bind', Source: '/home/purser/workspaces/t', Target: '/purser/workspace' }],
  },
};
const host = (changes: object) => ({ ...body, HostConfig: { ...body.HostConfig, ...changes } });
const mount = (changes: object) => host({ Mounts: [{ ...body.HostConfig.Mounts[0], ...changes }] });

describe('what a gate lets be made', () => {
  it('adds what nobody may leave out', () => {
    expect(containerFor(body, settings())).toMatchObject({
      Labels: {
        ...body.Labels,
        'purser.managed': 'mine',
        'purser.gate': 'docker',
        'purser.stop': 'true',
        'purser.protect': 'false',
      },
      NetworkingConfig: { EndpointsConfig: { agents: {} } },
      HostConfig: {
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges:true'],
        ReadonlyRootfs: true,
        Init: true,
        NetworkMode: 'agents',
        MemorySwap: 256 * 1024 * 1024,
        RestartPolicy: { Name: 'no' },
      },
    });
  });

  it.each<[string, object]>([
    ['privileges', host({ Privileged: true })],
    ['capabilities', host({ CapAdd: ['SYS_ADMIN'] })],
    ['devices', host({ Devices: [{ PathOnHost: '/dev/sda', PathInContainer: '/dev/sda' }] })],
    ['binds beside mounts', host({ Binds: ['/:/host'] })],
    ['other volumes', host({ VolumesFrom: ['other'] })],
    ["the machine's processes", host({ PidMode: 'host' })],
    ['published ports', host({ PortBindings: { '80/tcp': [{ HostPort: '80' }] } })],
    ["the machine's network", host({ NetworkMode: 'host' })],
    ["another container's network", host({ NetworkMode: 'container:other' })],
    ["Docker's bridge, unless it is allowed", host({ NetworkMode: 'bridge' })],
    ['a folder elsewhere', mount({ Source: '/etc' })],
    ['the folder itself', mount({ Source: '/home/purser/workspaces' })],
    ['a way out of a folder', mount({ Source: '/home/purser/workspaces/../../../etc' })],
    ['a folder that begins like it', mount({ Source: '/home/purser/workspaces-of-others/t' })],
    ["Docker's socket", mount({ Source: '/var/run/docker.sock' })],
    ['a mount of another kind', mount({ Type: 'volume', Source: 'secrets' })],
    ['options of a mount', mount({ BindOptions: { Propagation: 'rshared' } })],
    ['more memory than allowed', host({ Memory: 1024 * 1024 * 1024 })],
    ['more processors than allowed', host({ NanoCpus: 64e9 })],
    ['no limit of processes', host({ PidsLimit: -1 })],
    ['root', { ...body, User: '0:0' }],
    ['root by name', { ...body, User: 'root' }],
    ["labels that are the gate's", { ...body, Labels: { ...body.Labels, 'purser.managed': 'other' } }],
    ['protection from an emergency', { ...body, Labels: { ...body.Labels, 'purser.protect': 'true' } }],
    ['no labels', { ...body, Labels: {} }],
  ])('refuses %s', (_what, asked) => {
    expect(() => containerFor(asked, settings())).toThrow(Refused);
  });

  it('refuses whatever else Docker takes, by being strict at every level', () => {
    const { HostConfig, ...rest } = CreateBody.parse(body);
    expect(() => containerFor({ ...rest, HostConfig, OnBuild: [] }, settings())).toThrow('Unrecognized key');
  });

  it('puts a container on the bridge beside its own network where that is allowed', () => {
    const made = containerFor(host({ NetworkMode: 'bridge' }), settings({ PURSER_GATE_BRIDGE: 'true' }));
    expect(made).toMatchObject({
      NetworkingConfig: { EndpointsConfig: { agents: {}, bridge: {} } },
      HostConfig: { NetworkMode: 'agents' },
    });
  });

  it('mounts out of a volume what the caller has in one', () => {
    const made = containerFor(body, settings({ PURSER_GATE_VOLUME: 'runner-home:/home/purser' }));
    expect(made).toMatchObject({
      HostConfig: {
        Mounts: [
          {
            Type: 'volume',
            Source: 'runner-home',
            Target: '/purser/workspace',
            VolumeOptions: { Subpath: 'workspaces/t' },
          },
        ],
      },
    });
  });

  it.each<[string, string, boolean]>([
    ['registry.example.com/agents/', 'registry.example.com/agents/one:2', true],
    ['registry.example.com/agents', 'registry.example.com/agents/one', true],
    ['registry.example.com/agents', 'registry.example.com/agents:2', true],
    ['registry.example.com/agents', 'registry.example.com/agents@sha256:00', true],
    ['registry.example.com/agents', 'registry.example.com/agents-of-others/one', false],
    ['registry.example.com', 'registry.example.com.elsewhere.org/one', false],
    ['registry.example.com', 'registry.example.com:5000/one', false],
    ['registry.example.com', 'registry.example.com/one:2', true],
    ['registry.example.com:5000', 'registry.example.com:5000/one:2', true],
    ['registry.example.com:5000', 'registry.example.com:50001/one', false],
    ['registry:5000', 'registry:5000/agents/one', true],
    ['registry:5000/agents', 'registry:5000/agents/one:2', true],
    ['registry:5000/agents:2', 'registry:5000/agents:2/one', false],
    ['localhost', 'localhost/one', true],
    ['python', 'python:3.13-slim', true],
    ['python', 'python/one:1', false],
    ['python', 'pythonic/one', false],
    ['python:3', 'python:3.13-slim', true],
    ['python:3', 'python:30', false],
    ['alpine, python:', 'python:3', true],
    ['alpine', 'python', false],
  ])('where images begin with %s, %s is allowed: %s', (beginnings, Image, allowed) => {
    const make = () => containerFor({ ...body, Image }, settings({ PURSER_GATE_IMAGES: beginnings }));
    if (allowed) expect(make).not.toThrow();
    else expect(make).toThrow('images here begin with');
  });
});
