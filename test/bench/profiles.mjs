// What a start of the offload-manager costs with a real folder of modules: profiled for the first time, and cached.
// npm run bench:profiles -- [folder, by default node_modules] [imports: never (default) or isolated]
import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { startPostgres } from '@purser/embedded';
import { CreateOutbox1700000000000, Database } from '@purser/database';
import { Latch, systemClock } from '@purser/service';
import { Components } from '../../apps/offload-manager/dist/components/components.service.js';
import { DockerComponents } from '../../apps/offload-manager/dist/components/docker-components.js';
import { Config } from '../../apps/offload-manager/dist/config.js';
import { Memory } from '../../apps/offload-manager/dist/memory/memory.service.js';
import { MIGRATIONS } from '../../apps/offload-manager/dist/migrations/index.js';
import { Imports } from '../../apps/offload-manager/dist/profiles/imports.service.js';
import { ProfileCache } from '../../apps/offload-manager/dist/profiles/profile-cache.js';
import { Profiler } from '../../apps/offload-manager/dist/profiles/profiler.service.js';
import { ProfilesRepository } from '../../apps/offload-manager/dist/profiles/profiles.repository.js';

const [folder = 'node_modules', imports = 'never'] = process.argv.slice(2);
const STARTS = 5;

const home = await mkdtemp(join(tmpdir(), 'purser-profiles-'));
const postgres = await startPostgres({
  dataDir: join(home, 'data'),
  port: 0,
  password: 'bench',
  logFile: join(home, 'postgres.log'),
  durable: false,
});
const database = await Database.open({
  url: postgres.url,
  schema: 'offload',
  migrations: [CreateOutbox1700000000000, ...MIGRATIONS],
  applicationName: 'bench',
});
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** Everything anew, as after a start: what is found, and how long it took. */
async function start() {
  const config = Config.parse({
    PURSER_NATS_URL: 'nats://127.0.0.1:1',
    PURSER_DATABASE_URL: postgres.url,
    PURSER_CONFIG_DIR: home,
    PURSER_COMPONENT_FOLDERS: resolve(folder),
    PURSER_PROFILE_IMPORTS: imports,
    DOCKER_HOST: `unix://${join(home, 'no-docker')}`,
  });
  const docker = new DockerComponents(config.DOCKER_HOST);
  const components = new Components(config, docker, { definitions: () => Promise.resolve([]) });
  const cache = new ProfileCache(new ProfilesRepository(database), systemClock, config);
  const imported = new Imports(config, new Memory(config, systemClock), new Latch(systemClock));
  const profiler = new Profiler(config, cache, docker, imported, systemClock, log);
  const cpu = process.cpuUsage();
  const began = performance.now();
  await components.discover();
  const found = performance.now();
  await profiler.refresh(components.list());
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  const all = components.list();
  const profiles = all.flatMap(({ name }) => profiler.of(name) ?? []);
  return { ms, cpuMs: (user + system) / 1000, discoverMs: found - began, modules: all.length, profiles };
}

try {
  const first = await start();
  const count = (evidence) => first.profiles.filter((one) => one.evidence === evidence).length;
  console.log(`${first.modules} modules in ${folder}: ${count('static')} estimated, ${count('measured')} measured`);
  console.log(`first start   ${first.ms.toFixed(0)} ms`);
  const starts = [];
  for (let n = 0; n < STARTS; n++) starts.push(await start());
  for (const { ms, cpuMs, discoverMs } of starts)
    console.log(
      `cached start  ${ms.toFixed(0)} ms (${discoverMs.toFixed(0)} ms to find the modules; ${cpuMs.toFixed(0)} ms of a processor)`,
    );
} finally {
  await database.close();
  await postgres.stop();
  await rm(home, { recursive: true, force: true });
}
