import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '@purser/embedded';
import { eventually } from '@purser/testing';

const run = promisify(execFile);
jest.setTimeout(900_000);

const project = `purser-shutdown-${process.pid}`;
const files = ['-f', 'docker-compose.yml', '-f', 'test/compose/shutdown.override.yml', '--profile', 'docker'];
/** Nothing on this engine has it but what the test starts. */
const label = `purser.test=${project}`;

interface Target {
  name: string;
  fate: string;
  detail: string;
}

interface Report {
  targets: Target[];
  stillCosting: { usdPerHour: string };
  acknowledgements: { service: string }[];
  problems: string[];
}

/** The way from the watchdog through the stopper to a real engine. */
describe('an emergency and Docker', () => {
  let env: NodeJS.ProcessEnv;
  let config: string;
  let adminKey: string;

  const docker = async (...args: string[]): Promise<string> =>
    (await run('docker', args, { env, maxBuffer: 64 * 2 ** 20 })).stdout.trim();
  const compose = (...args: string[]): Promise<string> => docker('compose', '-p', project, ...files, ...args);
  const api = async <Body>(method: string, path: string, body?: unknown): Promise<Body> => {
    const response = await fetch(`http://127.0.0.1:${env.PURSER_API_PORT}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${adminKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    expect(response.status).toBe(200);
    return (await response.json()) as Body;
  };

  const victim = (name: string, script: string, ...options: string[]): Promise<string> =>
    docker(
      'run',
      ...['--detach', '--name', `${project}-${name}`, '--network', 'none', ...options],
      ...['--entrypoint', 'sh', 'purser:local', '-c', script],
    );
  const NAMES = ['always', 'stubborn', 'kept', 'other'];
  const inspect = async (name: string, format: string): Promise<string> =>
    docker('inspect', '--format', format, `${project}-${name}`);
  const running = async () =>
    Object.fromEntries(
      await Promise.all(NAMES.map(async (name) => [name, await inspect(name, '{{.State.Running}}')] as const)),
    );
  const fates = (targets: Target[]) =>
    Object.fromEntries(
      targets
        .filter(({ name }) => name.startsWith(project) && NAMES.includes(name.slice(project.length + 1)))
        .map(({ name, fate }) => [name.slice(project.length + 1), fate]),
    );
  const newestReport = async (): Promise<Report> => {
    const { reports } = await api<{ reports: { id: string }[] }>('GET', '/v1/emergency/reports');
    expect(reports).not.toEqual([]);
    return (await api<{ report: Report }>('GET', `/v1/emergency/reports/${reports[0]?.id}`)).report;
  };

  beforeAll(async () => {
    const ports = await Promise.all([freePort(), freePort(), freePort()]);
    config = await mkdtemp(join(tmpdir(), 'purser-compose-'));
    await run('chmod', ['755', config]);
    const emergency = { docker: { label, graceSeconds: 2 }, acknowledgeSeconds: 15 };
    await writeFile(join(config, 'emergency.json'), JSON.stringify(emergency));
    env = {
      ...process.env,
      TEST_CONFIG: config,
      PURSER_GATEWAY_PORT: String(ports[0]),
      PURSER_API_PORT: String(ports[1]),
      PURSER_NATS_PORT: String(ports[2]),
    };
    await compose('up', '--build', '--detach', '--wait', '--wait-timeout', '240').catch(async (error: unknown) => {
      const logs = await compose('logs', '--no-color', '--tail', '40').catch(() => '');
      throw new Error(`compose up failed: ${(error as { stderr?: string }).stderr?.slice(-2_000)}\n${logs}`);
    });
    adminKey = await compose('exec', '-T', 'orchestrator', 'purser', 'key');
    const wait = 'while :; do sleep 0.2; done';
    await victim('always', `trap 'exit 0' TERM; ${wait}`, '--label', label, '--restart', 'always');
    await victim('stubborn', `trap '' TERM; ${wait}`, '--label', label, '--label', 'purser.usd-per-hour=1');
    await victim(
      'kept',
      wait,
      '--label',
      label,
      '--label',
      'purser.protect=true',
      '--label',
      'purser.usd-per-hour=0.5',
    );
    await victim('other', wait, '--restart', 'always');
  });

  afterAll(async () => {
    for (const name of NAMES) await docker('rm', '--force', `${project}-${name}`).catch(() => undefined);
    await compose('down', '--volumes', '--timeout', '40');
    await rm(config, { recursive: true, force: true });
  });

  it('lets the watchdog ask the engine for nothing but what stopping needs', async () => {
    const script = `
      const { request } = require('node:http');
      const ask = (method, path, body) => new Promise((resolve, reject) => {
        const one = request({ socketPath: '/run/purser-docker/docker.sock', method, path, headers: { 'content-type': 'application/json' } },
          (answer) => { answer.resume(); resolve(answer.statusCode); });
        one.on('error', reject);
        one.end(body);
      });
      (async () => {
        const own = require('node:os').hostname();
        console.log(JSON.stringify([
          await ask('GET', '/containers/json'), await ask('POST', '/containers/create', '{"Image":"purser:local"}'),
          await ask('GET', '/images/json'), await ask('POST', '/containers/' + own + '/stop')]));
      })();`;
    const said = await compose('exec', '-T', 'cost-watchdog', 'node', '-e', script);
    expect(JSON.parse(said)).toEqual([200, 403, 403, 403]);
    expect(await compose('exec', '-T', 'cost-watchdog', 'ls', '/var/run')).not.toContain('docker.sock');
  });

  it('touches nothing in a drill, and says what would be stopped', async () => {
    const before = await running();
    const drill = await api<{ targets: Target[]; problems: string[] }>('POST', '/v1/emergency/drill', {});
    expect(drill.problems).toEqual([]);
    expect(fates(drill.targets)).toEqual({
      always: 'would_stop',
      stubborn: 'would_stop',
      kept: 'protected',
      other: 'left',
    });
    expect(await running()).toEqual(before);
    expect(before).toEqual({ always: 'true', stubborn: 'true', kept: 'true', other: 'true' });
    expect(await inspect('always', '{{.HostConfig.RestartPolicy.Name}}')).toBe('always');
  });

  it('stops what is labelled and nothing else, whatever its restart policy and however stubborn', async () => {
    await api('POST', '/v1/emergency/trigger', { by: 'test', reason: 'a real one' });
    const report = await eventually(newestReport, { timeoutMs: 60_000, everyMs: 200 });
    expect(fates(report.targets)).toEqual({ always: 'stopped', stubborn: 'killed', kept: 'protected', other: 'left' });
    expect(await running()).toEqual({ always: 'false', stubborn: 'false', kept: 'true', other: 'true' });
    expect(await inspect('always', '{{.HostConfig.RestartPolicy.Name}}')).toBe('no');
    expect(await inspect('other', '{{.HostConfig.RestartPolicy.Name}}')).toBe('always');
    expect(await inspect('stubborn', '{{.State.ExitCode}}')).toBe('137');
    expect(report.problems).toEqual([]);
    expect(report.stillCosting.usdPerHour).toBe('0.50');
    // The watchdog's own comes last, and is added.
    const all = new Set(['model-gateway', 'orchestrator', 'agent-runner', 'offload-manager', 'cost-watchdog']);
    await eventually(
      async () => expect(new Set((await newestReport()).acknowledgements.map(({ service }) => service))).toEqual(all),
      { timeoutMs: 20_000, everyMs: 500 },
    );
    const files = await compose('exec', '-T', 'cost-watchdog', 'ls', '/var/lib/purser/reports');
    expect(files).toMatch(/emergency_.*\.html[^]*emergency_.*\.json/);
  });

  it('stops again what somebody starts while the latch is set, also after the watchdog was killed', async () => {
    await docker('start', `${project}-always`);
    await eventually(async () => expect((await running()).always).toBe('false'), { timeoutMs: 30_000 });
    await compose('kill', '--signal', 'KILL', 'cost-watchdog');
    await docker('start', `${project}-stubborn`);
    await compose('up', '--detach', '--wait', 'cost-watchdog');
    await eventually(async () => expect((await running()).stubborn).toBe('false'), { timeoutMs: 60_000 });
  });

  it('can be set from the volume of secrets when the watchdog is down', async () => {
    await api('POST', '/v1/emergency/reset', { by: 'test', reason: 'over' });
    await docker('start', `${project}-always`);
    await compose('stop', 'cost-watchdog');
    const set = await compose(
      ...['run', '--rm', '--no-deps', '-T', 'secrets'],
      ...['purser', 'emergency', 'trigger', '--by', 'ada', '--reason', 'no watchdog', '--json'],
    );
    expect(JSON.parse(set)).toMatchObject({
      serial: 2,
      active: true,
      direct: { postgres: 'set', nats: 'set in the bucket and broadcast' },
    });
    await compose('up', '--detach', '--wait', 'cost-watchdog');
    await eventually(async () => expect((await running()).always).toBe('false'), { timeoutMs: 60_000 });
    await api('POST', '/v1/emergency/reset', { by: 'test', reason: 'over' });
  });
});
