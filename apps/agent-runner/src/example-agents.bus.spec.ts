import { chmod, cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TaskSpec } from '@purser/contracts';
import type { RunningService } from '@purser/service';
import {
  createTestDatabase,
  eventually,
  expectNoChildren,
  GithubPulls,
  GitRemote,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@purser/testing';
import { start } from './index.js';
import { OtherServices } from './other-services.fake.js';

jest.setTimeout(60_000);

const EXAMPLES = join(import.meta.dirname, '..', '..', '..', 'examples', 'agents');
const FILES = {
  'README.md': 'See [the guide](guide.md), [prices](docs/prices.md#table) and [the web](https://example.org/x.md).\n',
  'docs/guide.md': 'Back to [the start](../README.md), or to [nowhere](gone.md).\n',
  'docs/deep/prices.md': '# Prices\n',
};

let nats: TestNats;
let database: TestDatabase;
let remote: GitRemote;
let github: GithubPulls;
let others: OtherServices;
let api: Server;
let runner: RunningService;
let home: string;
/** What the scout submitted, and with which key. */
const submitted: { spec: TaskSpec; key: string | undefined }[] = [];

/** As much of the control API as a session with its own key needs: it takes tasks, each once. */
const serveTasks = async (): Promise<Server> => {
  const server = createServer((request, response) => {
    void (async () => {
      let text = '';
      for await (const chunk of request) text += String(chunk);
      const spec = TaskSpec.parse(JSON.parse(text));
      const known = submitted.some(({ spec: { id } }) => id === spec.id);
      if (!known) {
        submitted.push({ spec, key: request.headers.authorization?.replace('Bearer ', '') });
        await others.submit({ taskId: spec.id!, input: spec.input, workspace: spec.workspace ?? null });
      }
      response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ id: spec.id }));
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
};

beforeAll(async () => {
  [nats, database, remote, github, home] = await Promise.all([
    startTestNats(),
    createTestDatabase(),
    GitRemote.start('acme/shop.git', FILES),
    GithubPulls.start('acme/shop', 'token'),
    mkdtemp(join(tmpdir(), 'purser-examples-')),
  ]);
  await chmod(home, 0o755);
  await mkdir(join(home, 'agents'), { mode: 0o755 });
  // Where the program's user can read them when the specs run as root.
  for (const name of ['scout.mjs', 'fixer.mjs']) await cp(join(EXAMPLES, name), join(home, 'agents', name));
  others = await OtherServices.start(nats.url);
  api = await serveTasks();
  runner = await start({
    PURSER_NATS_URL: nats.url,
    PURSER_DATABASE_URL: database.url,
    PURSER_HOME: home,
    PURSER_CONFIG_DIR: join(home, 'config'),
    PURSER_RUNNER_PORT: '0',
    PURSER_INSTANCE: 'runner-1',
    PURSER_LOG_LEVEL: process.env.SPEC_LOG ?? 'silent',
    GITHUB_TOKEN: 'token',
    GITHUB_API_URL: github.url,
  });
});

afterAll(async () => {
  await runner.close();
  await others.stop();
  api.closeAllConnections();
  api.close();
  await Promise.all([nats.stop(), database.drop(), remote.stop(), github.stop()]);
  await rm(home, { recursive: true, force: true });
  await expectNoChildren();
});

const outcomeOf = (taskId: string) =>
  eventually(
    () => {
      const [found] = others.finishesOf(taskId);
      if (!found) throw new Error(`task ${taskId} has not ended`);
      return found.outcome;
    },
    { timeoutMs: 30_000 },
  );

it('a scout finds what is broken and submits it, and a fixer mends it on a branch and asks to have it taken over', async () => {
  const { port } = api.address() as AddressInfo;
  const agent = (name: string) => join(home, 'agents', name);
  const argv = ['node', agent('scout.mjs'), agent('fixer.mjs'), `http://127.0.0.1:${port}`];
  await others.submit({ taskId: 'scout', input: { argv }, workspace: { repository: remote.url, pullRequest: false } });
  expect(await outcomeOf('scout')).toMatchObject({ kind: 'completed', result: { files: 3 } });
  expect(submitted.map(({ spec }) => spec.input)).toEqual([
    { argv: ['node', agent('fixer.mjs'), 'README.md', 'guide.md'] },
    { argv: ['node', agent('fixer.mjs'), 'README.md', 'docs/prices.md'] },
    { argv: ['node', agent('fixer.mjs'), 'docs/guide.md', 'gone.md'] },
  ]);
  for (const { key } of submitted) expect(key).toMatch(/^psk_/);

  const [guide, prices, gone] = submitted.map(({ spec }) => spec.id!) as [string, string, string];
  expect(await outcomeOf(guide)).toMatchObject({ kind: 'completed', result: { mended: 'docs/guide.md' } });
  expect(await outcomeOf(prices)).toMatchObject({ kind: 'completed' });
  expect(await remote.show(`purser/${guide}`, 'README.md')).toContain(
    '[the guide](docs/guide.md), [prices](docs/prices',
  );
  expect(await remote.show(`purser/${prices}`, 'README.md')).toContain('[prices](docs/deep/prices.md#table)');
  expect(await remote.show('main', 'README.md')).toBe(FILES['README.md'].trim());
  expect(github.pulls.map(({ head, title }) => `${head}: ${title}`).sort()).toEqual(
    [guide, prices].map((id) => `purser/${id}: Mend a link in README.md`).sort(),
  );
  // Nobody but a person can know what was meant.
  expect(await outcomeOf(gone)).toMatchObject({ kind: 'failed', error: { code: 'exit_1' } });
  expect(await remote.tip(`purser/${gone}`)).toBeUndefined();
});
