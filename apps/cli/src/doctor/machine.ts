import { mkdtemp, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Check, fail, type Finding, ok, warn } from './check.js';

const MiB = 1024 ** 2;

/** What must be right with the machine itself. */
export const machineChecks = (homeRoot: string, env: Readonly<Record<string, string | undefined>>): Check[] => [
  { name: 'Node', look: () => Promise.resolve(ok(`${process.version} (${process.execPath})`)) },
  { name: 'disk space', look: () => diskSpace(homeRoot) },
  { name: 'clock', look: clock },
  { name: 'Docker', look: () => docker(env.DOCKER_HOST) },
];

async function nearestExisting(path: string): Promise<string> {
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  return exists || dirname(path) === path ? path : nearestExisting(dirname(path));
}

async function diskSpace(homeRoot: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearestExisting(homeRoot));
  const free = bavail * bsize;
  const text = `${free > 10 * 1024 * MiB ? `${Math.floor(free / 1024 / MiB)} GiB` : `${Math.floor(free / MiB)} MiB`} free for ${homeRoot}`;
  if (free < 256 * MiB) return fail(text, 'Free some space, or set PURSER_HOME to a folder on another disk.');
  if (free < 2048 * MiB) return warn(text, 'The bus, the ledger and logs may take up to about 2.5 GiB over time.');
  return ok(text);
}

const LOOK_MS = 200;
const SLACK_MS = 100;
const FILE_SLACK_MS = 5_000;

/** Wrong time means wrong budget windows, deadlines and leases. Checked against what this machine has, without a network. */
async function clock(): Promise<Finding> {
  const remedy = 'Set the clock, and let it be kept: `timedatectl set-ntp true`, or your system’s time settings.';
  const year = new Date().getUTCFullYear();
  if (year < 2026 || year > 2100) return fail(`it says ${new Date().toISOString()}`, remedy);

  const wall = Date.now();
  const steady = performance.now();
  await delay(LOOK_MS);
  const jump = Math.abs(Date.now() - wall - (performance.now() - steady));
  if (jump > SLACK_MS) return warn(`it jumped by ${Math.round(jump)} ms while we looked`, remedy);

  const folder = await mkdtemp(join(tmpdir(), 'purser-doctor-'));
  try {
    const file = join(folder, 'now');
    await writeFile(file, '');
    const apart = Math.abs((await stat(file)).mtimeMs - Date.now());
    if (apart > FILE_SLACK_MS)
      return warn(`it is ${Math.round(apart / 1000)} s apart from that of ${tmpdir()}`, remedy);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return ok(new Date().toISOString());
}

const DOCKER_SOCKET = '/var/run/docker.sock';

async function docker(host: string | undefined): Promise<Finding> {
  const remedy = 'Only `docker compose up` and agents in containers need it; start Docker for those.';
  const url = host ? new URL(host) : undefined;
  const target =
    url && url.protocol !== 'unix:'
      ? { host: url.hostname, port: url.port || '2375' }
      : { socketPath: url?.pathname ?? DOCKER_SOCKET };
  const answer = await new Promise<string>((resolve) => {
    const asked = request({ ...target, path: '/_ping', timeout: 3_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? '' : `answers with HTTP ${response.statusCode}`);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', (error) => resolve(error.message));
    asked.end();
  });
  return answer === '' ? ok(`reachable (${host ?? DOCKER_SOCKET})`) : warn(`not reachable: ${answer}`, remedy);
}
