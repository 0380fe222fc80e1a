import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Docker from 'dockerode';
import dockerCompute from '@purser/docker-compute';
import { VmGate, VmGateSettings } from '@purser/docker-gate';
import type { ComputeDriver, VmStartup } from '@purser/plugin-sdk';
import { computeChecks } from '@purser/plugin-sdk/testing';

const IMAGE = 'node:24-bookworm-slim';
const INSTALLATION = randomBytes(4).toString('hex');
/** All that this spec makes is of it, and nothing of others on this engine. */
const TYPE = `docker-${INSTALLATION}`;
const SECRET = 'a-password-of-this-vm-alone';
const startup: VmStartup = {
  component: { image: IMAGE, command: ['sleep', '600'], env: {} },
  agent: { image: IMAGE, command: ['sleep', '600'], env: { PASSWORD: SECRET } },
};
const docker = new Docker();
const never = new AbortController().signal;

const engine = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace('unix://', '');
/** In front of the engine, for the second round. */
let gate: VmGate | undefined;
let folder: string;
let host: string | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-vm-gate-'));
});

async function openGate(): Promise<void> {
  const socket = join(folder, 'gate.sock');
  const settings = VmGateSettings.parse({
    PURSER_GATE_ENGINE: engine,
    PURSER_GATE_SOCKET: socket,
    PURSER_GATE_INSTALLATION: `spec-${INSTALLATION}`,
    PURSER_GATE_NETWORK: 'bridge',
    PURSER_GATE_AGENT_COMMAND: 'sleep 600',
  });
  gate = await VmGate.start(settings, () => undefined);
  host = `unix://${socket}`;
}

const driverWith = (config: object): ComputeDriver => {
  const quiet = () => undefined;
  const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const context = { logger, secret: (name: string) => process.env[name], signal: never };
  return dockerCompute.capabilities.compute!(
    context,
    dockerCompute.config.parse({
      machineTypes: [{ name: TYPE, memoryMb: 128, cpus: 0.5 }],
      ...(host === undefined ? {} : { host }),
      ...config,
    }),
  );
};

const managed = async () => {
  const all = await docker.listContainers({ all: true, filters: { label: ['purser.managed=true'] } });
  return all.filter(({ Labels }) => Labels['purser.machine-type']?.startsWith(TYPE));
};
const vmsThere = async () => [...new Set((await managed()).map(({ Labels }) => Labels['purser.vm-name'] ?? '?'))];

async function removeAll(): Promise<void> {
  for (const { Id } of await managed())
    await docker
      .getContainer(Id)
      .remove({ force: true })
      .catch(() => undefined);
  await gone(async () => (await managed()).length === 0);
}

async function gone(isSo: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + 30_000;
  while (!(await isSo())) {
    if (performance.now() > until) throw new Error('it is still there');
    await pause(100);
  }
}

jest.setTimeout(120_000);
afterAll(async () => {
  await gate?.close();
  await removeAll();
  await rm(folder, { recursive: true });
});

describe.each([
  ['directly', () => Promise.resolve()],
  ['through the gate', openGate],
])('the conformance checks, %s', (_way, prepare) => {
  beforeAll(prepare);
  const checks = computeChecks({
    machineType: TYPE,
    diskGb: 1,
    startup,
    slowMs: 60_000,
    secrets: [SECRET],
    open: async () => {
      await removeAll();
      const driver = driverWith({});
      const unreachable = driverWith({ host: 'tcp://127.0.0.1:1' });
      let refuses = false;
      const turning = new Proxy(driver, {
        get: (target, property) => {
          const value: unknown = Reflect.get(refuses ? unreachable : target, property);
          return typeof value === 'function' ? (value.bind(refuses ? unreachable : target) as unknown) : value;
        },
      });
      return {
        driver: turning,
        platform: {
          inventory: vmsThere,
          take: async (name) => {
            await docker.getContainer(`${name}-agent`).kill();
            await gone(async () => !(await vmsThere()).includes(name));
          },
          refuse: () => {
            refuses = true;
          },
        },
        close: removeAll,
      };
    },
  });
  it.each(checks)('$name', async ({ run }) => {
    expect.assertions(0);
    await run();
  });
});

describe.each([
  ['directly', () => Promise.resolve((host = undefined))],
  ['through the gate', () => Promise.resolve((host = `unix://${join(folder, 'gate.sock')}`))],
])('a VM of Docker, %s', (_way, prepare) => {
  beforeAll(prepare);
  let count = 0;
  const specOf = (changes: object = {}) => {
    count += 1;
    const name = `purser-${INSTALLATION}-${count}`;
    return {
      name,
      requestId: name,
      zone: 'docker',
      machineType: TYPE,
      spot: false,
      diskGb: 1,
      maxRunSeconds: 600,
      labels: { 'purser-installation': INSTALLATION, 'purser-vm': name },
      startup,
      ...changes,
    };
  };
  beforeEach(removeAll);

  it('ends by itself when its time is over, with nobody alive but Docker', async () => {
    const driver = driverWith({});
    const spec = specOf({ maxRunSeconds: 2 });
    await driver.create(spec, { signal: never });
    await gone(async () => (await managed()).length === 0);
    expect(await driver.list(INSTALLATION, { signal: never })).toEqual([]);
  });

  it('has no more memory than its machine type', async () => {
    const spec = specOf();
    await driverWith({}).create(spec, { signal: never });
    const { HostConfig } = await docker.getContainer(spec.name).inspect();
    expect([HostConfig.Memory, HostConfig.MemorySwap]).toEqual([128 * 2 ** 20, 128 * 2 ** 20]);
  });

  it('is made whole again when half of it has ended, which is listed as stopped', async () => {
    const driver = driverWith({});
    const spec = specOf();
    await driver.create(spec, { signal: never });
    await docker.getContainer(spec.name).kill();
    await gone(async () => (await managed()).length === 1);
    expect(await driver.list(INSTALLATION, { signal: never })).toMatchObject([{ name: spec.name, state: 'stopped' }]);
    expect(await driver.create(spec, { signal: never })).toMatchObject({ state: 'running' });
    expect(await managed()).toHaveLength(2);
  });

  it('leaves a container alone that only has its name', async () => {
    const driver = driverWith({});
    const spec = specOf();
    const other = await docker.createContainer({ name: spec.name, Image: IMAGE, Cmd: ['sleep', '600'] });
    try {
      await expect(driver.create(spec, { signal: never })).rejects.toMatchObject({ kind: 'refused' });
      await driver.delete({ kind: 'vm', name: spec.name, zone: 'docker' }, { signal: never });
      expect((await other.inspect()).Id).toBe(other.id);
      expect(await driver.get({ kind: 'vm', name: spec.name, zone: 'docker' }, { signal: never })).toBeUndefined();
    } finally {
      await other.remove({ force: true });
    }
  });

  it('is refused where the machine type is unknown, the image is not to be had, or the host is full', async () => {
    const large = [1, 2].map((nth) => ({ name: `${TYPE}-large-${nth}`, memoryMb: 10_000, cpus: 1 }));
    const host = (await docker.info()) as { MemTotal: number };
    const half = Math.floor(host.MemTotal / 2 ** 20 / 2) + 1;
    const driver = driverWith({ machineTypes: large.map((type) => ({ ...type, memoryMb: half })) });
    await expect(driver.create(specOf(), { signal: never })).rejects.toMatchObject({ kind: 'refused' });
    const unknown = { ...startup, component: { ...startup.component, image: 'purser-spec.invalid/none:1' } };
    await expect(
      driver.create(specOf({ machineType: `${TYPE}-large-1`, startup: unknown }), { signal: never }),
    ).rejects.toThrow(/could not be pulled/);
    expect(await managed()).toEqual([]);
    await driver.create(specOf({ machineType: `${TYPE}-large-1` }), { signal: never });
    await expect(driver.create(specOf({ machineType: `${TYPE}-large-2` }), { signal: never })).rejects.toMatchObject({
      kind: 'stockout',
    });
  });
});
