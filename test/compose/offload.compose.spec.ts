import { freePort } from '@purser/embedded';
import { eventually, type Launched } from '@purser/testing';
import Docker from 'dockerode';
import { answerFrom, ask, Callers, heavy, IMAGE, launchWithHeavy, removeVms, vmContainers } from './heavy.js';

jest.setTimeout(900_000);

const LOCAL = `purser-spec-heavy-${process.pid}`;

const docker = new Docker();
let purser: Launched;
let local: Docker.Container;

const api = (path: string, method = 'GET') =>
  fetch(`${purser.apiUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${purser.adminKey}`, 'content-type': 'application/json' },
    ...(method === 'POST' ? { body: '{}' } : {}),
  });

interface MoveSeen {
  step: string;
  error: string | null;
}
const lastMove = async () => ((await (await api('/v1/offload/moves')).json()) as { moves: MoveSeen[] }).moves[0];

const arrived = () =>
  eventually(
    async () => {
      const move = await lastMove();
      if (move?.step === 'failed') throw new Error(`it failed: ${move.error}`);
      expect(move?.step).toBe('done');
    },
    { timeoutMs: 180_000, everyMs: 500 },
  );

beforeAll(async () => {
  const port = await freePort();
  local = await docker.createContainer({
    name: LOCAL,
    Image: IMAGE,
    Cmd: ['node', '-e', heavy('home', 9_000)],
    ExposedPorts: { '9000/tcp': {} },
    HostConfig: { PortBindings: { '9000/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] } },
  });
  await local.start();
  purser = await launchWithHeavy({
    local: { url: `http://127.0.0.1:${port}`, container: LOCAL },
    env: { ENABLE_AUTO_MIGRATION: 'false' },
  });
});

afterAll(async () => {
  await purser?.stop();
  await removeVms(docker);
  await local?.remove({ force: true });
});

it('moves a component that holds 600 MB to a VM of Docker and back, and answers every request meanwhile', async () => {
  await eventually(async () => expect(await ask(purser)).toMatch(/^home /), { timeoutMs: 60_000, everyMs: 500 });
  const callers = new Callers(() => ask(purser));
  const { answers } = callers;

  expect((await api('/v1/components/heavy/offload', 'POST')).status).toBe(202);
  await arrived();
  expect((await local.inspect()).State.Running).toBe(false);
  const there = answers.length + 20;
  await callers.until(eventually(() => expect(answers.length).toBeGreaterThan(there)));
  expect(answers.at(-1)).toBe(answerFrom('vm'));
  const component = (await vmContainers(docker)).find(({ Labels }) => Labels['purser.part'] === 'component');
  const stats = await docker.getContainer(component?.Id ?? '').stats({ stream: false });
  expect(stats.memory_stats.usage / 2 ** 20).toBeGreaterThan(600);

  expect((await api('/v1/components/heavy/recall', 'POST')).status).toBe(202);
  await arrived();
  const back = answers.length + 20;
  await callers.until(eventually(() => expect(answers.length).toBeGreaterThan(back)));
  await callers.stop();
  expect(answers.at(-1)).toBe(answerFrom('home'));
  await eventually(async () => expect(await vmContainers(docker)).toEqual([]), { timeoutMs: 60_000 });
});
