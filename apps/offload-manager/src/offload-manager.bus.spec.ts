import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '@purser/bus';
import {
  componentsDiscover,
  componentsGet,
  componentsList,
  componentsProfile,
  costsSummary,
  heartbeat,
  offloadDecide,
  offloadDecisions,
  offloadStatus,
} from '@purser/contracts';
import type { RunningService } from '@purser/service';
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { start } from './index.js';

const SPENT = { at: '2026-11-29T10:00:00.000Z', todayUsd: '0.10', weekUsd: '0.10', monthUsd: '0.10', byProvider: [] };

let nats: TestNats;
let database: TestDatabase;
let folder: string;
let bus: Bus;
let services: RunningService[] = [];

const startOne = async (settings: Record<string, string> = {}) => {
  const service = await start({
    PURSER_NATS_URL: nats.url,
    PURSER_DATABASE_URL: database.url,
    PURSER_CONFIG_DIR: folder,
    PURSER_OFFLOAD_PORT: '0',
    PURSER_LOG_LEVEL: 'silent',
    PURSER_PROFILE_IMPORTS: 'never',
    DOCKER_HOST: `unix://${join(folder, 'no-docker')}`,
    ...settings,
  });
  services.push(service);
  return service;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-offload-'));
  await mkdir(join(folder, 'src'));
  await writeFile(join(folder, 'src/model.py'), 'import torch\n');
  const embedder = {
    name: 'embedder',
    image: 'example/embedder:1',
    port: 9000,
    memoryMb: 2000,
    stateless: true,
    local: { url: 'http://127.0.0.1:9000', container: 'embedder' },
  };
  await writeFile(
    join(folder, 'components.json'),
    JSON.stringify({ components: [embedder], scan: [{ folder: 'src' }], docker: false }),
  );
  [nats, database] = await Promise.all([startTestNats(), createTestDatabase()]);
  bus = await Bus.connect({ url: nats.url, service: 'orchestrator', instance: 'spec' });
  await bus.ensureStreams();
});
afterEach(async () => {
  await Promise.all(services.map((service) => service.close()));
  services = [];
});
afterAll(async () => {
  await bus?.close();
  await Promise.all([nats?.stop(), database?.drop()]);
  await rm(folder, { recursive: true, force: true });
});

it('finds components, weighs them, and explains them', async () => {
  await startOne();
  await eventually(async () => {
    const { components } = await bus.call(componentsList, {});
    expect(components).toMatchObject([
      { name: 'embedder', priority: 'high', memoryMb: 2000, evidence: 'configured', stays: null, place: 'local' },
      { name: 'model', kind: 'module', priority: 'never', evidence: 'static' },
    ]);
  });
  const model = await bus.call(componentsGet, { name: 'model' });
  expect(model.explanation.join('\n')).toContain('It imports torch (450 MB).');
  expect(model.parts.reduce((sum, { points }) => sum + points, 0)).toBeCloseTo(model.weight ?? 0, 0);
  await expect(bus.call(componentsGet, { name: 'nobody' })).rejects.toMatchObject({ code: 'not_found' });
});

it('knows at once what was written into components.json when it is asked to look, and tells what is otherwise', async () => {
  await startOne({ AUTO_DISCOVERY_INTERVAL_SECONDS: '86400' });
  await eventually(async () => bus.call(componentsGet, { name: 'embedder' }));
  expect(await bus.call(componentsDiscover, {})).toEqual({
    known: 2,
    added: [],
    changed: [],
    removed: [],
    problems: [],
  });
  const file = join(folder, 'components.json');
  const before = await readFile(file, 'utf8');
  const { components } = JSON.parse(before) as { components: object[] };
  const ocr = { name: 'ocr', memoryMb: 700 };
  await writeFile(file, JSON.stringify({ components: [{ ...components[0], memoryMb: 900 }, ocr], docker: false }));
  const changes = await bus.call(componentsDiscover, {});
  expect(changes).toMatchObject({ known: 2, added: ['ocr'], changed: ['embedder'], removed: ['model'] });
  await eventually(async () =>
    expect(await bus.call(componentsGet, { name: 'ocr' })).toMatchObject({ memoryMb: 700, evidence: 'configured' }),
  );
  await writeFile(file, '{');
  const { problems, ...others } = await bus.call(componentsDiscover, {});
  expect(others).toMatchObject({ known: 2, added: [], removed: [] });
  expect(problems).toEqual([expect.stringContaining('components.json is not JSON')]);
  await writeFile(file, before);
});

it('profiles one anew when asked to', async () => {
  await startOne();
  await eventually(async () => bus.call(componentsGet, { name: 'model' }));
  const { askedAt } = await bus.call(componentsProfile, { name: 'model' });
  await eventually(async () => {
    const { profile } = await bus.call(componentsGet, { name: 'model' });
    expect(profile && profile.profiledAt >= askedAt).toBe(true);
  });
});

it('knows what runners can run, from their heartbeats', async () => {
  await startOne({ AUTO_DISCOVERY_INTERVAL_SECONDS: '1' });
  const at = new Date().toISOString();
  const beat = {
    service: 'agent-runner',
    instance: 'r',
    version: '1',
    startedAt: at,
    at,
    executors: [{ name: 'command' }],
  };
  const runner = await Bus.connect({ url: nats.url, service: 'agent-runner', instance: 'r' });
  await eventually(async () => {
    await runner.publish(heartbeat, 'agent-runner.r', beat);
    expect(await bus.call(componentsGet, { name: 'executor.command' })).toMatchObject({
      kind: 'executor',
      priority: 'never',
    });
  });
  await runner.close();
});

it('decides when asked to, and says why', async () => {
  await startOne({ CRITICAL_RAM_THRESHOLD_GB: '100000', OFFLOAD_RAM_THRESHOLD_GB: '100000' });
  await eventually(async () => bus.call(componentsGet, { name: 'embedder' }));
  await eventually(async () => {
    const { decision } = await bus.call(offloadDecide, {});
    expect(decision).toMatchObject({ action: 'none', memory: { pressure: 'critical' } });
    expect(decision.reason).toContain('no VM can be made');
  });
  const { decisions } = await bus.call(offloadDecisions, {});
  expect(decisions[0]?.reason).toContain('no VM can be made');
});

it('tells how all of it stands, also while nobody knows what is spent', async () => {
  await startOne({ HYBRID_ORCHESTRATION_PRESET: 'performance' });
  await eventually(async () => bus.call(componentsGet, { name: 'embedder' }));
  await eventually(async () => {
    const status = await bus.call(offloadStatus, {});
    expect(status).toMatchObject({
      health: 'degraded',
      preset: 'performance',
      components: { known: 2, heavy: 2, offloadable: 1, onVms: 0 },
      ramToSaveMb: 2000,
      costs: { vmsCreated: 0, totalEstimatedUsd: '0.00', alerts: [] },
    });
    expect(status.problems.join('\n')).toContain('costs.summary: no cost-watchdog is running');
    expect(status.memory.totalMb).toBeGreaterThan(0);
  });
});

it('is in good health where nobody has asked for VMs, and says how to have some', async () => {
  const costs = bus.connection.subscribe(costsSummary.name, {
    callback: (_error, message) => void message.respond(JSON.stringify(SPENT)),
  });
  await startOne();
  await eventually(async () => {
    const { health, problems, compute } = await bus.call(offloadStatus, {});
    expect({ health, problems }).toEqual({ health: 'ok', problems: [] });
    expect(compute).toMatchObject({ provider: null, problem: null });
    expect(compute.why).toMatch(/offloading is off\. To turn it on, .*docs\/guides\/compute\.md/);
  });
  costs.unsubscribe();
});

it('tells what its driver needs and does not find', async () => {
  const plugins = join(folder, 'plugins.json');
  await writeFile(plugins, JSON.stringify({ plugins: [{ use: '@purser/docker-compute' }] }));
  await startOne();
  await eventually(async () => {
    const { health, problems, compute } = await bus.call(offloadStatus, {});
    expect([health, compute.provider]).toEqual(['degraded', 'docker']);
    expect(compute.problem).toContain('no-docker');
    expect(problems).toContain(compute.problem);
  });
  await rm(plugins);
});

it('profiles nothing and offloads nothing when it is turned off, and goes on knowing what there is', async () => {
  await startOne({ HYBRID_ORCHESTRATION_ENABLED: 'false' });
  await eventually(async () => {
    const status = await bus.call(offloadStatus, {});
    expect(status).toMatchObject({ health: 'off', components: { known: 2, profiled: 0 } });
  });
  await expect(bus.call(offloadDecide, {})).rejects.toMatchObject({ code: 'conflict' });
});
