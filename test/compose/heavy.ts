import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Launched, launchPurser } from '@purser/testing';
import type Docker from 'dockerode';

const run = promisify(execFile);
const root = join(__dirname, '..', '..');
export const BIN = join(root, 'apps', 'cli', 'bin', 'purser.mjs');

export const IMAGE = 'node:24-bookworm-slim';
/** Purser's image, when there is one of these very sources already. */
const BUILT = process.env.PURSER_TEST_IMAGE;
const AGENT_IMAGE = BUILT ?? 'purser:local';
const HELD_MB = 600;
const PRICE = { inputPerMillionUsd: '1', outputPerMillionUsd: '1' };

/** A component that really holds its memory, and answers where it does. */
export const heavy = (place: string, port: number) =>
  `const held = Buffer.alloc(${HELD_MB} * 2 ** 20, 1);
   require('node:http').createServer((request, response) => response.end('${place} ' + held.length)).listen(${port});`;

export const answerFrom = (place: string): string => `${place} ${HELD_MB * 2 ** 20}`;

interface Options {
  bin?: string;
  /** Where it is at home. */
  local: object;
  /** Of components.json, beside the component. */
  others?: object;
  env?: Readonly<Record<string, string>>;
}

/** `purser up` with that component, and Docker for VMs. */
export async function launchWithHeavy({ bin = BIN, local, others, env }: Options): Promise<Launched> {
  if (BUILT === undefined)
    await run('docker', ['build', '--target', 'purser', '-t', AGENT_IMAGE, root], { maxBuffer: 64 * 2 ** 20 });
  const component = {
    name: 'heavy',
    image: IMAGE,
    command: ['node', '-e', heavy('vm', 9_000)],
    port: 9_000,
    memoryMb: HELD_MB + 100,
    stateless: true,
    local,
  };
  return launchPurser({
    bin,
    openaiBaseUrl: 'http://127.0.0.1:1/v1',
    models: { unused: { tier_1_paid: { provider: 'openai', model: 'none', price: PRICE, maxOutputTokens: 1 } } },
    budgets: { budgets: [{ id: 'monthly', period: 'month', limitUsd: '20' }] },
    files: {
      'plugins.json': { plugins: [{ use: '@purser/openai' }, { use: '@purser/docker-compute' }] },
      'components.json': { components: [component], ...others },
    },
    env: ({ PURSER_NATS_PORT }) => ({
      PURSER_NATS_BIND: '0.0.0.0',
      PURSER_PUBLIC_NATS_URL: `nats://host.docker.internal:${PURSER_NATS_PORT}`,
      PURSER_VM_AGENT_IMAGE: AGENT_IMAGE,
      PURSER_VM_HEARTBEAT_MS: '500',
      ...env,
    }),
  });
}

/** One that was not answered says why. */
export async function ask({ apiUrl, adminKey }: Pick<Launched, 'apiUrl' | 'adminKey'>): Promise<string> {
  const response = await fetch(`${apiUrl}/v1/components/heavy/request`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: '{"path":"/"}',
  });
  const answer = (await response.json()) as { status?: number; body?: string };
  if (answer.status !== 200) throw new Error(`not answered: ${response.status} ${JSON.stringify(answer)}`);
  return Buffer.from(answer.body ?? '', 'base64').toString();
}

/** Some who ask all the time, until they are told to stop, and remember what was answered. */
export class Callers {
  readonly answers: string[] = [];
  private stopped = false;
  private readonly all: Promise<void[]>;

  constructor(askOnce: () => Promise<string>) {
    const caller = async () => {
      while (!this.stopped) this.answers.push(await askOnce());
    };
    this.all = Promise.all(Array.from({ length: 4 }, caller));
    // What they throw is thrown where they are awaited.
    this.all.catch(() => undefined);
  }

  /** Rejects with what one of them was not answered. */
  until<T>(fact: Promise<T>): Promise<T | void[]> {
    return Promise.race([fact, this.all]);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.all;
  }
}

export const vmContainers = (docker: Docker) =>
  docker.listContainers({ all: true, filters: { label: ['purser.managed=true', 'purser-component=heavy'] } });

export async function removeVms(docker: Docker): Promise<void> {
  for (const { Id } of await vmContainers(docker))
    await docker
      .getContainer(Id)
      .remove({ force: true })
      .catch(() => undefined);
}
