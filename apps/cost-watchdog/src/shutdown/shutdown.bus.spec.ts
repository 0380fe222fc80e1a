import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Bus, unframe } from '@purser/bus';
import {
  type Alert,
  alertCritical,
  alertWarning,
  emergencyAcknowledged,
  emergencyDrill,
  emergencyReset,
  emergencyShutdown,
  emergencyTrigger,
  heartbeat,
  reportsGet,
  reportsList,
} from '@purser/contracts';
import { runningPrograms } from '@purser/guard';
import { CreateOutbox1700000000000, Database } from '@purser/database';
import type { RunningService } from '@purser/service';
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { start } from '../index.js';
import { MIGRATIONS } from '../migrations/index.js';
import { FakeDocker } from './docker.fake.js';

let nats: TestNats;
let database: TestDatabase;
let docker: FakeDocker;
let home: string;
let service: RunningService;
let gateway: Bus;
const alerts: Alert[] = [];
/** Of the program, and of what it started in another group. */
let pids: number[] = [];
/** No program of this machine has this name but those that the spec starts. */
const NAME = `purser-spec-${process.pid}.sh`;

const configuration = {
  docker: { graceSeconds: 1 },
  processes: { stop: [NAME], graceSeconds: 1 },
  maxTargets: 3,
  acknowledgeSeconds: 1,
  standingCosts: [{ what: 'a reserved GPU', usdPerHour: '0.40' }],
};

const startWatchdog = () =>
  start({
    PURSER_NATS_URL: nats.url,
    PURSER_DATABASE_URL: database.url,
    PURSER_HOME: home,
    PURSER_CONFIG_DIR: join(home, 'config'),
    PURSER_INSTANCE: 'one',
    PURSER_WATCHDOG_PORT: '0',
    PURSER_LOG_LEVEL: process.env.SPEC_LOG ?? 'silent',
    DOCKER_HOST: docker.host,
  });

beforeAll(async () => {
  [nats, database, docker, home] = await Promise.all([
    startTestNats(),
    createTestDatabase(),
    FakeDocker.start(),
    mkdtemp(join(tmpdir(), 'purser-watchdog-')),
  ]);
  await mkdir(join(home, 'config'));
  await writeFile(join(home, 'config', 'emergency.json'), JSON.stringify(configuration));
  await writeFile(
    join(home, NAME),
    `setsid sleep 1000 &\ntrap '' TERM; echo $$ $! > ${home}/pids.new; mv ${home}/pids.new ${home}/pids\nwhile :; do sleep 1; done\n`,
  );
  docker.add('job', { labels: { 'purser.stop': 'true' }, policy: 'always' });
  docker.add('vault', { labels: { 'purser.stop': 'true', 'purser.protect': 'true', 'purser.usd-per-hour': '2.5' } });
  docker.add('other');
  service = await startWatchdog();
  gateway = await Bus.connect({ url: nats.url, service: 'model-gateway', instance: 'gw' });
  for (const fact of [alertCritical, alertWarning])
    gateway.connection.subscribe(`${fact.name}.>`, {
      callback: (_, message) => void alerts.push(unframe(message.string(), message.subject).data as Alert),
    });
  // A gateway that obeys, and one that hangs.
  gateway.connection.subscribe(emergencyShutdown.name, {
    callback: (_, message) => {
      const { serial } = unframe(message.string(), message.subject).data as { serial: number };
      const said = { serial, service: 'model-gateway', instance: 'gw', at: new Date().toISOString(), stopped: [] };
      void gateway.publish(emergencyAcknowledged, 'model-gateway.gw', said);
    },
  });
  // Orphaned at once: what this process started is Purser's own here, and no affair of a pattern.
  await promisify(execFile)('sh', ['-c', `setsid sh ${join(home, NAME)} > /dev/null 2>&1 &`]);
  pids = await eventually(async () => (await readFile(join(home, 'pids'), 'utf8')).trim().split(' ').map(Number));
}, 60_000);

afterAll(async () => {
  for (const pid of pids.filter(lives)) process.kill(pid, 'SIGKILL');
  await service?.close();
  await gateway?.close();
  await Promise.all([nats?.stop(), database?.drop(), docker?.stop()]);
  await rm(home, { recursive: true, force: true });
}, 60_000);

const lives = (pid: number): boolean => runningPrograms().some((one) => one.pid === pid);

const call = { timeoutMs: 10_000 };
const beat = (instance: string) => {
  const at = new Date().toISOString();
  return gateway.publish(heartbeat, `model-gateway.${instance}`, {
    service: 'model-gateway',
    instance,
    version: '1',
    startedAt: at,
    at,
  });
};
const states = () => Object.fromEntries([...docker.containers.values()].map(({ name, state }) => [name, state]));
const fates = (targets: { name: string; fate: string }[]) =>
  Object.fromEntries(targets.map(({ name, fate }) => [name, fate]));

it('says in a drill what it would do, and touches nothing', async () => {
  await beat('gw');
  await beat('hung');
  const drill = await eventually(async () => {
    const found = await gateway.call(emergencyDrill, {}, call);
    expect(found.services).toEqual([
      { service: 'model-gateway', instance: 'gw' },
      { service: 'model-gateway', instance: 'hung' },
    ]);
    return found;
  });
  expect(drill).toMatchObject({ docker: docker.host, problems: [], watchdog: 'one' });
  expect(fates(drill.targets)).toEqual({
    job: 'would_stop',
    vault: 'protected',
    other: 'left',
    [NAME]: 'would_stop',
  });
  expect(states()).toEqual({ job: 'running', vault: 'running', other: 'running' });
  expect(docker.asked).toEqual([]);
  expect(pids.map(lives)).toEqual([true, true]);
});

it('stops, looks again, and leaves a report on disk and in Postgres', async () => {
  await Promise.all([beat('gw'), beat('hung')]);
  const latch = await gateway.call(emergencyTrigger, { by: 'ada', reason: '<script>alert(1)</script>' }, call);
  const [summary] = await eventually(
    async () => {
      const { reports } = await gateway.call(reportsList, {}, call);
      expect(reports).toHaveLength(1);
      return reports;
    },
    { timeoutMs: 30_000 },
  );
  expect(summary).toMatchObject({ serial: 1, by: 'ada', stopped: 2, alive: 0, missing: 1 });
  const { report, html } = await gateway.call(reportsGet, { id: summary!.id }, call);
  expect(fates(report.targets)).toEqual({ job: 'stopped', vault: 'protected', other: 'left', [NAME]: 'killed' });
  expect(report.latch).toEqual(latch);
  expect(report.missing).toEqual([{ service: 'model-gateway', instance: 'hung' }]);
  expect(report.acknowledgements).toContainEqual(expect.objectContaining({ instance: 'gw' }));
  expect(report.steps.map(({ step }) => step)).toEqual([
    'latch set',
    'broadcast stored',
    'acknowledgements waited for',
    'containers stopped',
    'programs stopped',
    'looked again',
  ]);
  expect(report.stillCosting).toEqual({
    usdPerHour: '2.90',
    items: [
      { what: 'container vault', usdPerHour: '2.5' },
      { what: 'model-gateway hung, which has not acknowledged', usdPerHour: null },
      { what: 'a reserved GPU', usdPerHour: '0.40' },
    ],
  });
  expect(html).not.toContain('<script>');
  expect(html).toContain('&lt;script&gt;');
  // The files follow what Postgres has.
  await eventually(async () =>
    expect((await readdir(join(home, 'reports'))).sort()).toEqual([`${report.id}.html`, `${report.id}.json`]),
  );
  expect(JSON.parse(await readFile(join(home, 'reports', `${report.id}.json`), 'utf8'))).toMatchObject({
    id: report.id,
  });
  expect(states()).toEqual({ job: 'exited', vault: 'running', other: 'running' });
  expect(pids.map(lives)).toEqual([false, false]);
  await eventually(() =>
    expect(alerts).toContainEqual(
      expect.objectContaining({
        kind: 'emergency_survivors',
        title: expect.stringContaining('model-gateway hung has not acknowledged') as string,
      }),
    ),
  );
}, 60_000);

it('stops again what is started while the latch is set, also after a kill of the watchdog, and tells', async () => {
  await eventually(() => expect(docker.watchers).toBe(1));
  docker.startAgain('job');
  await eventually(() => expect(states().job).toBe('exited'));
  await eventually(() => expect(alerts).toContainEqual(expect.objectContaining({ kind: 'emergency_returned' })));
  await eventually(
    async () => {
      const { reports } = await gateway.call(reportsList, {}, call);
      const { report } = await gateway.call(reportsGet, { id: reports[0]!.id }, call);
      expect(report.targets.find(({ name }) => name === 'job')?.detail).toMatch(/was always.*it came back/);
    },
    { timeoutMs: 15_000 },
  );
  await service.close();
  docker.startAgain('job');
  service = await startWatchdog();
  await eventually(() => expect(states().job).toBe('exited'), { timeoutMs: 20_000 });
  await gateway.call(emergencyReset, { by: 'ada', reason: 'over' }, call);
  await eventually(() => expect(docker.watchers).toBe(0));
  docker.startAgain('job');
  expect(states().job).toBe('running');
}, 60_000);

it('stops again what is started before the report is written', async () => {
  const ledger = await Database.open({
    url: database.url,
    schema: 'ledger',
    migrations: [CreateOutbox1700000000000, ...MIGRATIONS],
    applicationName: 'spec',
  });
  await ledger.transaction(async (tx) => {
    // The report waits for the ledger, for seconds.
    await tx.query('LOCK TABLE entries IN ACCESS EXCLUSIVE MODE');
    const { at } = await gateway.call(emergencyTrigger, { by: 'ada', reason: 'once more' }, call);
    await eventually(() => expect(states().job).toBe('exited'), { timeoutMs: 20_000 });
    docker.startAgain('job');
    await eventually(() => expect(states().job).toBe('exited'), { timeoutMs: 20_000 });
    const { reports } = await gateway.call(reportsList, {}, call);
    expect(reports.filter((one) => one.at === at)).toEqual([]);
  });
  await ledger.close();
}, 60_000);
