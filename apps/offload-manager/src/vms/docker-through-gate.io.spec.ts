import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Log } from '@purser/service';
import { eventually } from '@purser/testing';
import { ActiveDriver } from './active-driver.js';
import { loadAsGateComes } from './docker-through-gate.js';
import { loadDrivers } from './load-drivers.js';

const quiet = () => undefined;
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };

let folder: string;
let stopping: AbortController;
let listening: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-gate-'));
  stopping = new AbortController();
});

afterEach(async () => {
  stopping.abort();
  listening?.close();
  listening = undefined;
  await rm(folder, { recursive: true });
});

const listen = async (path: string): Promise<void> => {
  listening = createServer((socket) => socket.on('error', quiet).resume());
  listening.listen(path);
  await once(listening, 'listening');
};

const load = async (plugins: object[], changes: object = {}): Promise<{ place: ActiveDriver; gate: string }> => {
  await writeFile(join(folder, 'plugins.json'), JSON.stringify({ plugins }));
  const gate = join(folder, 'gate.sock');
  const env = { PURSER_VM_GATE: gate, PURSER_VM_NETWORK: 'purser_vms', ...changes };
  const place = new ActiveDriver();
  const { signal } = stopping;
  const config = {
    PURSER_CONFIG_DIR: folder,
    GCP_PROJECT_ID: undefined,
    HYBRID_ORCHESTRATION_DRY_RUN: false,
    PURSER_VM_AGENT_IMAGE: 'purser:local',
  };
  await loadAsGateComes(place, env, signal, () => loadDrivers(place, { config, env, log, signal }));
  return { place, gate };
};

it('has VMs of Docker as soon as there is a gate for them, and says before how to get one', async () => {
  const { place, gate } = await load([]);
  expect(place.get()).toBeUndefined();
  expect(place.all()).toEqual([]);
  expect(place.why).toContain('docker compose --profile offload up -d');
  expect(place.problems).toEqual([]);
  await listen(gate);
  await eventually(() => Promise.resolve(expect(place.get()?.place).toBe(`unix://${gate}`)), { timeoutMs: 20_000 });
  expect(place.why).toBe('VMs come from docker');
});

it('has it at the start where it is there already', async () => {
  await listen(join(folder, 'gate.sock'));
  const { place, gate } = await load([]);
  expect(place.get()).toMatchObject({ place: `unix://${gate}`, sameMachine: true });
  const elsewhere = await load([], { PURSER_VM_GATE_SAME_MACHINE: 'false' });
  expect(elsewhere.place.get()?.sameMachine).toBe(false);
});

it('has none behind a socket that a killed gate has left, and says so, until the gate is back', async () => {
  const path = join(folder, 'gate.sock');
  await writeFile(path, '');
  const { place } = await load([]);
  expect(place.get()).toBeUndefined();
  expect(place.problems).toEqual([expect.stringContaining('does not answer')]);
  await rm(path);
  await listen(path);
  await eventually(() => Promise.resolve(expect(place.get()).toBeDefined()), { timeoutMs: 20_000 });
  expect(place.problems).toEqual([]);
});

it('leaves a driver that plugins.json names where that says it is', async () => {
  const { place } = await load([{ use: '@purser/docker-compute', config: { host: 'tcp://10.0.0.5:2375' } }]);
  expect(place.get()?.place).toBe('tcp://10.0.0.5:2375');
  const other = await load([{ use: '@purser/docker-compute' }]);
  expect(other.place.get()?.place).toBe(`unix://${other.gate}`);
});
