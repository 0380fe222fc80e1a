import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ComputeDriver, PluginContext, VmSpec } from '@purser/plugin-sdk';
import { computeChecks } from '@purser/plugin-sdk/testing';
import { ComputeEngine, type ComputeEngineFault } from '@purser/testing';
import { GcpComputeConfig } from './config.js';
import { GcpCompute } from './gcp-compute.driver.js';
import plugin from './index.js';

const { signal } = new AbortController();
const SECRET = 'password-of-the-vm';
const startup = {
  component: { image: 'ghcr.io/demo/embeddings:1', command: ['serve', "it's"], env: { MODEL: 'small' } },
  agent: { image: 'ghcr.io/demo/purser:1', env: { NATS_PASSWORD: SECRET } },
};

const contextOf = (secrets: Record<string, string | undefined>): PluginContext => ({
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  secret: (name) => secrets[name],
  signal,
});

let folder: string;
let engine: ComputeEngine;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-gce-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  engine = await new ComputeEngine().start();
  await writeFile(join(folder, 'account.json'), JSON.stringify(engine.serviceAccount()));
});
afterEach(() => engine.stop());

const driver = (more: object = {}, secrets: Record<string, string | undefined> = {}): ComputeDriver =>
  new GcpCompute(
    contextOf({ DEMO_ACCOUNT: join(folder, 'account.json'), ...secrets }),
    GcpComputeConfig.parse({
      project: 'demo-project',
      zone: 'us-central1-b',
      apiEndpoint: engine.url,
      credentialsEnv: 'DEMO_ACCOUNT',
      publicNatsUrl: 'tls://nats.example.com:4222',
      ...more,
    }),
  );

const specOf = (changes: Partial<VmSpec> = {}): VmSpec => ({
  name: `purser-demo-${randomUUID().slice(0, 8)}`,
  requestId: randomUUID(),
  zone: 'us-central1-b',
  machineType: 'e2-highmem-4',
  spot: true,
  diskGb: 20,
  maxRunSeconds: 9000,
  labels: {
    'purser-installation': 'installation-1',
    'purser-vm': 'vm-1',
    'purser-component': 'embeddings',
    'purser-expires': '1800000000',
  },
  startup,
  ...changes,
});

const failure = async (doing: Promise<unknown>) =>
  (await doing.then(() => undefined).catch((error: unknown) => error)) as Error & { kind?: string };

describe('the conformance checks', () => {
  const checks = computeChecks({
    open: () =>
      Promise.resolve({
        driver: driver(),
        platform: {
          inventory: () => engine.inventory(),
          take: (name) => engine.preempt(name),
          pass: (seconds) => engine.advance(seconds * 1000),
          loseNextReply: () => engine.meet('instances.insert', 'lost-after'),
          exhaust: (kind) => {
            if (kind === 'quota') engine.quotaFull = true;
            else engine.stockouts.add('us-central1-b');
          },
          refuse: () => {
            engine.refusing = true;
          },
          hang: () => engine.meet('instances.insert', 'hang'),
        },
        close: () => Promise.resolve(),
      }),
    machineType: 'e2-highmem-4',
    diskGb: 20,
    startup,
    secrets: [SECRET, 'token-'],
  });
  for (const { name, run } of checks) it(name, run, 30_000);
});

it('is a plugin for compute', () => {
  expect(plugin.capabilities.compute?.(contextOf({}), plugin.config.parse({}))).toMatchObject({ provider: 'gcp' });
});

it('asks for a VM that ends by itself, has no address outside and carries its labels also on its disk', async () => {
  const spec = specOf();
  await driver({ serviceAccount: 'vm@demo-project.iam.gserviceaccount.com', subnetwork: 'inner' }).create(spec, {
    signal,
  });
  const asked = JSON.parse(engine.asked.find(({ call }) => call === 'instances.insert')?.body ?? '{}') as {
    metadata: { items: { key: string; value: string }[] };
  };
  expect(JSON.stringify(asked)).not.toContain('ONE_TO_ONE_NAT');
  expect(asked).toMatchObject({
    labels: spec.labels,
    scheduling: {
      provisioningModel: 'SPOT',
      instanceTerminationAction: 'DELETE',
      maxRunDuration: { seconds: '9000' },
      automaticRestart: false,
    },
    disks: [{ boot: true, autoDelete: true, initializeParams: { diskSizeGb: '20', labels: spec.labels } }],
    networkInterfaces: [{ network: 'global/networks/default', subnetwork: 'regions/us-central1/subnetworks/inner' }],
    serviceAccounts: [
      {
        email: 'vm@demo-project.iam.gserviceaccount.com',
        scopes: ['https://www.googleapis.com/auth/compute'],
      },
    ],
    shieldedInstanceConfig: { enableSecureBoot: true, enableVtpm: true, enableIntegrityMonitoring: true },
  });
  const userData = asked.metadata.items.find(({ key }) => key === 'user-data')?.value ?? '';
  expect(userData).toMatch(/^#cloud-config\n/);
  const { write_files } = JSON.parse(userData.slice('#cloud-config\n'.length)) as {
    write_files: { path: string; content: string; permissions: string }[];
  };
  const content = (path: string) => write_files.find((file) => file.path === path)?.content;
  expect(content('/etc/purser/agent.env')).toBe(`NATS_PASSWORD=${SECRET}\nPURSER_VM_PLATFORM=gcp\n`);
  expect(content('/etc/purser/component.sh')).toContain(`'ghcr.io/demo/embeddings:1' 'serve' 'it'\\''s'`);
  expect(write_files.every(({ permissions }) => permissions === '0600')).toBe(true);
});

it('gives a VM of standard price its longest time as well, and an address when that is configured', async () => {
  await driver({ externalAddress: true }).create(specOf({ spot: false }), { signal });
  const asked: unknown = JSON.parse(engine.asked.find(({ call }) => call === 'instances.insert')?.body ?? '{}');
  expect(asked).toMatchObject({
    scheduling: {
      provisioningModel: 'STANDARD',
      instanceTerminationAction: 'DELETE',
      maxRunDuration: { seconds: '9000' },
    },
    networkInterfaces: [{ accessConfigs: [{ type: 'ONE_TO_ONE_NAT' }] }],
  });
  expect(asked).not.toHaveProperty('serviceAccounts');
});

it('tries the configured zone first, then the others of the region', async () => {
  expect(await driver().zones({ signal })).toEqual(['us-central1-b', 'us-central1-a', 'us-central1-c']);
  expect(await driver({ zones: ['europe-west1-b'] }).zones({ signal })).toEqual(['europe-west1-b']);
});

it('has no machines that an image might not run on, or that are paid for their accelerators', async () => {
  const types = (await driver().machineTypes('us-central1-b', { signal })).map(({ name }) => name);
  expect(types).toEqual(['e2-small', 'e2-standard-2', 'e2-highmem-2', 'e2-highmem-4', 'm1-megamem-96']);
});

const passing: ComputeEngineFault[] = [
  '503-after',
  'lost-before',
  'lost-after',
  { status: 429, reason: 'rateLimitExceeded', message: 'slow down' },
];
it.each(passing)('makes one VM when its request meets %j', async (fault) => {
  engine.meet('instances.insert', fault);
  const spec = specOf();
  await driver().create(spec, { signal });
  expect(engine.inventory()).toEqual([spec.name]);
});

it('does not say that nothing was done when nobody knows', async () => {
  engine.meet('instances.insert', 'lost-after');
  engine.meet('instances.insert', { status: 403, reason: 'forbidden', message: 'no more' });
  const spec = specOf();
  const error = await failure(driver().create(spec, { signal }));
  expect(error.name).not.toBe('ComputeFailed');
  expect(engine.inventory()).toEqual([spec.name]);
  expect((await driver().create(spec, { signal })).state).toBe('running');
});

it.each([
  ['may not ask what came of it', () => void engine.denied.add('compute.zoneOperations.get')],
  ['may not look at it', () => void engine.denied.add('compute.instances.get')],
  ['is logged out', () => void engine.meet('operations.get', { status: 401, reason: 'authError', message: 'no' })],
  ['hears nothing more', () => void engine.meet('operations.get', 'lost-before', 20)],
])(
  'does not say that nothing was done where Google took the request and it then %s',
  async (_what, meet) => {
    meet();
    const spec = specOf();
    const error = await failure(driver().create(spec, { signal }));
    expect(engine.inventory()).toEqual([spec.name]);
    expect(error.name).not.toBe('ComputeFailed');
    engine.steady();
    expect((await driver().create(spec, { signal })).state).toBe('running');
  },
  60_000,
);

it('adopts what an earlier request made, also where a later one finds no quota', async () => {
  const spec = specOf();
  await driver().create(spec, { signal });
  engine.meet('instances.insert', { status: 403, reason: 'quotaExceeded', message: "Quota 'CPUS' exceeded." });
  expect((await driver().create({ ...spec, requestId: randomUUID() }, { signal })).name).toBe(spec.name);
});

it('adopts what it made before its agent was given another password', async () => {
  const spec = specOf();
  await driver().create(spec, { signal });
  const agent = { ...startup.agent, env: { NATS_PASSWORD: 'another-password' } };
  await driver().create({ ...spec, startup: { ...startup, agent } }, { signal });
  expect(engine.inventory()).toEqual([spec.name]);
  expect(engine.asked.filter(({ call }) => call === 'instances.insert')).toHaveLength(2);
});

it.each([
  [{ status: 403, reason: 'quotaExceeded', message: "Quota 'CPUS' exceeded." }, 'quota', /Raise it at/],
  [{ status: 400, reason: 'invalid', message: 'Invalid value for field' }, 'refused', /Invalid value/],
  [{ status: 403, reason: 'forbidden', message: "Required 'compute.instances.create'" }, 'refused', /guides\/compute/],
  [{ status: 404, reason: 'notFound', message: "machineTypes/c3-metal' was not found" }, 'stockout', /c3-metal/],
  [
    { status: 400, reason: 'invalid', message: `'user-data': '${SECRET}' is not valid` },
    'refused',
    /'\[secret\]' is not/,
  ],
  [{ operation: 'INTERNAL_ERROR', message: 'try again' }, 'unavailable', /INTERNAL_ERROR/],
  [{ operation: 'ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS', message: 'none left' }, 'stockout', /none left/],
  [{ operation: 'QUOTA_EXCEEDED', message: 'CPUS' }, 'quota', /Raise it at/],
] as const)('knows %j for what it is', async (fault, kind, message) => {
  engine.meet('instances.insert', fault);
  const error = await failure(driver().create(specOf(), { signal }));
  expect(error).toMatchObject({ name: 'ComputeFailed', kind, message: expect.stringMatching(message) as string });
  expect(engine.inventory()).toEqual([]);
});

it('says that nothing was done where Google was not even reached', async () => {
  const closed = await new ComputeEngine().start();
  const apiEndpoint = closed.url;
  await closed.stop();
  const error = await failure(driver({ apiEndpoint }).create(specOf(), { signal }));
  expect(error).toMatchObject({ name: 'ComputeFailed', kind: 'unavailable' });
});

it('lists over all pages: VMs, disks that outlived theirs, and addresses', async () => {
  engine.pageSize = 2;
  const labels = { 'purser-installation': 'installation-1' };
  const specs = [specOf(), specOf(), specOf({ zone: 'us-central1-c' })];
  for (const spec of specs) await driver().create(spec, { signal });
  engine.estate.addDisk({
    name: 'left',
    zone: 'us-central1-a',
    labels,
    sizeGb: 50,
    user: undefined,
    autoDelete: false,
  });
  engine.estate.addAddress({ name: 'kept', region: 'us-central1', labels });
  const listed = await driver().list('installation-1', { signal });
  expect(listed.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual(
    ['address kept', 'disk left', ...specs.map(({ name }) => `vm ${name}`)].sort(),
  );
  expect(listed.find(({ kind }) => kind === 'vm')).toMatchObject({ diskGb: 20, machineType: 'e2-highmem-4' });
  for (const resource of listed) await driver().delete(resource, { signal });
  expect(engine.inventory()).toEqual([]);
});

it('tells nothing rather than a part, when a list cannot be had', async () => {
  await driver().create(specOf(), { signal });
  engine.meet('disks.aggregatedList', { status: 403, reason: 'forbidden', message: 'no' });
  expect(await failure(driver().list('installation-1', { signal }))).toMatchObject({ kind: 'refused' });
});

it('sees a VM that lists do not show yet, and not one that they still show', async () => {
  engine.listsLagMs = 60_000;
  const spec = specOf();
  await driver().create(spec, { signal });
  expect(await driver().list('installation-1', { signal })).toEqual([]);
  expect((await driver().get({ kind: 'vm', ...spec }, { signal }))?.state).toBe('running');
  engine.advance(61_000);
  await driver().delete({ kind: 'vm', ...spec }, { signal });
  expect(await driver().list('installation-1', { signal })).toHaveLength(1);
  expect(await driver().get({ kind: 'vm', ...spec }, { signal })).toBeUndefined();
});

it.each([
  [undefined, /PURSER_PUBLIC_NATS_URL is not set/],
  ['nats://nats.example.com:4222', /not encrypted/],
  ['tls://127.0.0.1:4222', /finds only itself/],
  ['nonsense', /no address in it/],
])('makes no VM that could not reach NATS at %s', async (publicNatsUrl, message) => {
  for (const doing of [
    driver({ publicNatsUrl }).check({ signal }),
    driver({ publicNatsUrl }).create(specOf(), { signal }),
  ])
    expect(await failure(doing)).toMatchObject({ kind: 'refused', message: expect.stringMatching(message) as string });
  expect(engine.asked).toEqual([]);
});

it.each(['purser:local', 'localhost:5000/purser:1'])('makes no VM that could not pull its agent %s', async (image) => {
  const spec = specOf({ startup: { ...startup, agent: { ...startup.agent, image } } });
  for (const doing of [driver({ agentImage: image }).check({ signal }), driver().create(spec, { signal })])
    expect(await failure(doing)).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('PURSER_VM_AGENT_IMAGE') as string,
    });
  expect(engine.asked).toEqual([]);
});

it('takes no zone that is not in its region', () => {
  expect(() => driver({ zone: 'us-central1-a', region: 'europe-west1' })).toThrow(
    'us-central1-a is not in europe-west1',
  );
});

it('takes the address of NATS from the environment as well', async () => {
  const own = driver({ publicNatsUrl: undefined }, { PURSER_PUBLIC_NATS_URL: 'tls://nats.example.com:4222' });
  await own.check({ signal });
});

it('says which rights, which project and which credentials are missing', async () => {
  engine.denied.add('compute.instances.delete');
  expect((await failure(driver().check({ signal }))).message).toMatch(
    /lacks compute\.instances\.delete in demo-project/,
  );
  expect((await failure(driver({ project: undefined }).check({ signal }))).message).toMatch(
    /GCP_PROJECT_ID is not set/,
  );
  expect((await failure(driver({}, { DEMO_ACCOUNT: undefined }).check({ signal }))).message).toMatch(
    /DEMO_ACCOUNT is not set/,
  );
  expect((await failure(driver({ project: 'other' }).check({ signal }))).message).toMatch(/projects\/other.*not found/);
});
