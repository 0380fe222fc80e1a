import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { eventually } from '@purser/testing';
import { TestRunner } from '../../apps/agent-runner/src/runner.fixture.js';

const run = promisify(execFile);
jest.setTimeout(120_000);

const IMAGE = 'node:24-bookworm-slim';
const docker = async (...args: string[]): Promise<string[]> =>
  (await run('docker', args)).stdout.split('\n').filter(Boolean);
const inside = (taskId: string) => docker('ps', '--all', '--quiet', '--filter', `label=purser.task=${taskId}`);

/** A runner as `npm start` has it, which starts the gate itself. */
describe('a runner that may speak to Docker', () => {
  let runner: TestRunner;
  let network = '';

  beforeAll(async () => {
    await docker('image', 'inspect', '--format', '{{.Id}}', IMAGE).catch(() => docker('pull', '--quiet', IMAGE));
    const host = process.env.DOCKER_HOST;
    runner = await TestRunner.start({
      PURSER_CONTAINERS: 'true',
      ...(host === undefined ? {} : { DOCKER_HOST: host }),
    });
  });

  afterAll(async () => {
    await runner?.stop();
    if (network !== '') await docker('network', 'rm', network);
  });

  it('runs a container, which finds its control address', async () => {
    const script = `fetch(process.env.PURSER_CONTROL_URL + '/resources').then((answer) => answer.json())
      .then(({ taskId }) => console.log('for ' + taskId));`;
    const input = { image: IMAGE, argv: ['node', '-e', script] };
    await runner.others.submit({ taskId: 'contained', executor: 'container', input });
    expect(await runner.finishOf('contained')).toMatchObject({ outcome: { kind: 'completed' } });
    expect(await runner.printed('contained', 'for ')).toBe('contained');
    expect(await inside('contained')).toEqual([]);
  });

  it('stops it for an emergency, and leaves no container', async () => {
    const input = {
      image: IMAGE,
      argv: ['sh', '-c', `echo "at $PURSER_EPOCH"; trap '' TERM; while :; do sleep 1; done`],
    };
    await runner.others.submit({ taskId: 'stopped', executor: 'container', input });
    expect(await runner.printed('stopped', 'at ')).toBe('1');
    const [id = ''] = await inside('stopped');
    [network = ''] = await docker('inspect', '--format', '{{.HostConfig.NetworkMode}}', id);
    expect(network).toMatch(/^purser-agents-/);
    await runner.others.emergency('drill');
    expect(await runner.finishOf('stopped')).toMatchObject({ outcome: { kind: 'released' } });
    await eventually(async () => expect(await inside('stopped')).toEqual([]), { timeoutMs: 30_000 });
  });
});
