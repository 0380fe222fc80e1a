import { chmod, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@purser/testing';
import { Stack } from './stack.js';

jest.setTimeout(900_000);

const project = `purser-vms-${process.pid}`;
const files = ['-f', 'docker-compose.yml', '-f', 'test/compose/offload.override.yml', '--profile', 'offload'];
const LOCAL = `${project}-at-home`;
const PATIENCE = { timeoutMs: 180_000, everyMs: 500 };

const component = {
  name: 'embedder',
  image: 'node:24-bookworm-slim',
  command: ['node', '-e', "require('node:http').createServer((request, response) => response.end('vm')).listen(9000)"],
  port: 9_000,
  memoryMb: 200,
  stateless: true,
  local: { url: 'http://embedder:9000', container: LOCAL },
};

/** `docker compose --profile offload up` with a component in components.json, and nothing else set up. */
describe('VMs with docker compose', () => {
  let stack: Stack;
  let config: string;

  beforeAll(async () => {
    config = await mkdtemp(join(tmpdir(), 'purser-vms-'));
    await chmod(config, 0o755);
    await cp(join(__dirname, '../../config'), config, { recursive: true });
    await writeFile(join(config, 'components.json'), JSON.stringify({ components: [component] }));
    const env = { TEST_CONFIG: config, TEST_EMBEDDER: LOCAL, ENABLE_AUTO_MIGRATION: 'false' };
    stack = await Stack.up({ project, files, scale: [], env });
  });

  afterAll(async () => {
    if (stack) {
      for (const name of await vms()) await stack.docker('rm', '--force', name).catch(() => undefined);
      await stack.down();
    }
    await rm(config, { recursive: true, force: true });
  });

  const lines = (text: string): string[] => text.split('\n').filter(Boolean);
  const ofVms = (format: string) => ['ps', '--all', '--filter', `label=purser.vm-gate=${project}`, '--format', format];
  const vms = async (): Promise<string[]> => lines(await stack.docker(...ofVms('{{.Names}}'))).sort();
  const inspect = async (name: string, format: string): Promise<string> =>
    (await stack.docker('inspect', '--format', format, name)).trim();
  const purser = (...args: string[]): Promise<string> => stack.compose('exec', '-T', 'orchestrator', 'purser', ...args);

  const asked = async (): Promise<string> => {
    const { status, body } = await stack.api<{ status?: number; body?: string }>(
      'POST',
      '/v1/components/embedder/request',
      { path: '/' },
    );
    if (body.status !== 200) throw new Error(`not answered: ${status} ${JSON.stringify(body)}`);
    return Buffer.from(body.body ?? '', 'base64').toString();
  };
  const answeredFrom = (place: string) =>
    eventually(async () => {
      const moves = await purser('components', 'moves');
      if (moves.includes('failed')) throw new Error(moves);
      expect([await asked(), moves]).toEqual([
        place,
        expect.stringMatching(place === 'vm' ? /to a VM +done/ : /home +done/),
      ]);
    }, PATIENCE);

  it('moves a component to a VM through the gate, which outlives the gate, and home again', async () => {
    await eventually(async () => expect(await asked()).toBe('home'), PATIENCE);
    await purser('components', 'offload', 'embedder');
    await answeredFrom('vm');
    expect(await inspect(LOCAL, '{{.State.Running}}')).toBe('false');

    const [name = '', agent = ''] = await vms();
    expect([name, agent]).toEqual([expect.stringMatching(/^purser-[0-9a-f]{8}-/), `${name}-agent`]);
    expect(await inspect(agent, '{{range $network, $_ := .NetworkSettings.Networks}}{{$network}} {{end}}')).toBe(
      `${project}_vms`,
    );
    expect(await inspect(name, '{{index .Config.Labels "purser.stop"}} {{.HostConfig.CapDrop}}')).toBe('true [ALL]');

    await stack.compose('kill', '--signal', 'KILL', 'vm-gate');
    expect(await asked()).toBe('vm');
    await stack.compose('up', '--detach', '--wait', 'vm-gate');
    expect(await vms()).toEqual([name, agent]);

    await purser('components', 'recall', 'embedder');
    await answeredFrom('home');
    await eventually(async () => expect(await vms()).toEqual([]), PATIENCE);
    expect(await inspect(LOCAL, '{{.State.Running}}')).toBe('true');
  });

  it('lets the manager ask the engine for nothing else', async () => {
    const script = `
      const { request } = require('node:http');
      const ask = (method, path, body) => new Promise((resolve, reject) => {
        const one = request({ socketPath: '/run/purser-vms/docker.sock', method, path },
          (answer) => { answer.resume(); resolve(answer.statusCode); });
        one.on('error', reject);
        one.end(body && JSON.stringify(body));
      });
      (async () => console.log(JSON.stringify([
        await ask('GET', '/containers/json'), await ask('GET', '/containers/${project}-nats-1/json'),
        await ask('POST', '/containers/${project}-nats-1/stop'), await ask('DELETE', '/containers/${LOCAL}'),
        await ask('GET', '/volumes'), await ask('POST', '/containers/${LOCAL}/exec'),
        await ask('POST', '/containers/create?name=purser-0a1b2c3d-1', { Image: 'purser:local', HostConfig: { Privileged: true } })])))();`;
    const said = await stack.compose('exec', '-T', 'offload-manager', 'node', '-e', script);
    expect(JSON.parse(said)).toEqual([200, 403, 403, 403, 403, 403, 403]);
    expect(await stack.compose('exec', '-T', 'offload-manager', 'ls', '/var/run')).not.toContain('docker.sock');
  });
});
