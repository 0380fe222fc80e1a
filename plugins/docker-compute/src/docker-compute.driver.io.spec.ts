import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VmSpec } from '@purser/plugin-sdk';
import { DockerComputeConfig } from './config.js';
import { DockerCompute } from './docker-compute.driver.js';

const image = 'node:24-bookworm-slim';
const spec: VmSpec = {
  ...{ name: 'purser-0a1b2c3d-1', requestId: 'r', zone: 'docker', machineType: 'docker-1g' },
  ...{ spot: false, diskGb: 1, maxRunSeconds: 90, labels: { 'purser-installation': 'i', 'purser-vm': 'v' } },
  startup: { component: { image, command: [], env: {} }, agent: { image, env: {} } },
};
const signal = new AbortController().signal;

let folder: string;
let engine: Server;
/** What it answers to who wants a container. */
let status: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-docker-'));
  engine = createServer(({ url = '' }, response) => {
    const send = (code: number, body: unknown) => {
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (url.includes('/containers/create')) return send(status, { message: 'as it was told' });
    if (url.includes('/info')) return send(200, { MemTotal: 8 * 2 ** 30, NCPU: 4 });
    if (url.includes('/images/')) return send(200, { Id: 'sha256:00' });
    return url.includes('/containers/json') ? send(200, []) : send(404, { message: 'no such container' });
  });
  engine.listen(join(folder, 'docker.sock'));
  await once(engine, 'listening');
});

afterEach(async () => {
  engine.closeAllConnections();
  engine.close();
  await rm(folder, { recursive: true });
});

it.each([
  ['refused where the engine says no', 500, 'refused'],
  ['uncertain where a gate has not heard from the engine', 502, undefined],
])('a creation is %s', async (_what, answered, kind) => {
  status = answered;
  const quiet = () => undefined;
  const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const config = DockerComputeConfig.parse({ host: `unix://${join(folder, 'docker.sock')}` });
  const driver = new DockerCompute({ logger, secret: () => undefined, signal }, config);
  const error: unknown = await driver.create(spec, { signal }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  expect((error as { kind?: unknown }).kind).toBe(kind);
});
