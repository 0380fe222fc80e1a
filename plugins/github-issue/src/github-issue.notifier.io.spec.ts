import { inspect } from 'node:util';
import type { Notice, PluginContext } from '@purser/plugin-sdk';
import { notifierChecks } from '@purser/plugin-sdk/testing';
import { GithubIssueConfig } from './config.js';
import { FakeGithub } from './github.fake.js';
import plugin from './index.js';
import { alertMark } from './issue-text.js';

const TOKEN = 'ghp_0123456789abcdef';
let github: FakeGithub;
beforeEach(async () => {
  github = await FakeGithub.open(TOKEN);
});
afterEach(() => github.close());

const notice = (more: Partial<Notice> = {}): Notice => ({
  id: 'n-1',
  fingerprint: 'lease_presumed/g1',
  state: 'firing',
  severity: 'warning',
  kind: 'lease_presumed',
  title: 'Gateway g1 is silent',
  text: 'Gateway g1 is silent; @ada #1',
  details: { gateway: 'g1' },
  at: new Date('2026-11-23T10:00:00Z'),
  ...more,
});

function notifier(config: object = {}, env: Record<string, string> = { GITHUB_TOKEN: TOKEN }) {
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const context: PluginContext = { logger, secret: (name) => env[name], signal: new AbortController().signal };
  const parsed = GithubIssueConfig.parse({ repository: 'acme/ops', baseUrl: github.url, ...config });
  const made = plugin.capabilities.notifier?.(context, parsed);
  if (!made) throw new Error('no notifier');
  return made;
}

const send = (more: Partial<Notice> = {}, ...given: Parameters<typeof notifier>) =>
  notifier(...given).send(notice(more), { signal: AbortSignal.timeout(10_000) });

describe('conformance', () => {
  const checks = notifierChecks({
    create: () => notifier(),
    unreachable: () => notifier({ baseUrl: 'http://127.0.0.1:1' }),
    refused: () => notifier({}, { GITHUB_TOKEN: 'ghp_wrong-token-0123' }),
    secrets: [TOKEN, 'ghp_wrong-token-0123'],
  });
  for (const { name, run } of checks) it(name, run);
});

it('opens an issue, and no second one while it is open', async () => {
  await send({}, { labels: ['ops'], assignees: ['ada'] });
  await send();
  await send({ id: 'n-2', title: 'Gateway g1 is still silent' });
  await send({ id: 'n-2', title: 'Gateway g1 is still silent' });
  expect(github.issues).toMatchObject([
    { title: 'Gateway g1 is silent', state: 'open', labels: ['purser-alert', 'ops'], assignees: ['ada'] },
  ]);
  // What fires again is said in it, once, however often it is sent.
  expect(github.issues[0]?.comments).toEqual([expect.stringContaining('n-2')]);
  await send({ fingerprint: 'lease_presumed/g2', id: 'n-3' });
  expect(github.issues).toHaveLength(2);
});

it('closes it when it is over, and opens another one after that', async () => {
  await send();
  await send({ id: 'n-2', state: 'resolved', title: 'Over: Gateway g1 is silent', text: 'the gateway is back' });
  expect(github.issues).toMatchObject([
    { state: 'closed', state_reason: 'completed', comments: [expect.stringContaining('the gateway is back')] },
  ]);
  await send({ id: 'n-3', state: 'resolved' });
  await send({ id: 'n-4' });
  expect(github.issues.map(({ state }) => state)).toEqual(['closed', 'open']);
  await send({ id: 'n-5', state: 'resolved' }, { close: false });
  expect(github.issues[1]).toMatchObject({ state: 'open', comments: [expect.any(String)] });
});

it('finds its issue among many, not in pull requests, and not without its label', async () => {
  const body = alertMark('lease_presumed/g1');
  github.add({ body });
  github.add({ body, labels: ['purser-alert'], pull_request: {} });
  github.add({ body, labels: ['purser-alert'] });
  for (let n = 0; n < 150; n++) github.add({ body: alertMark(`other/${n}`), labels: ['purser-alert'] });
  await send({ id: 'n-9' });
  expect(github.issues).toHaveLength(153);
  expect(github.issues[2]?.comments).toHaveLength(1);
});

it('opens no second one however many are open, and says so where it cannot know', async () => {
  const others = (count: number) => {
    for (let n = 0; n < count; n++) github.add({ body: alertMark(`other/${n}`), labels: ['purser-alert'] });
  };
  await send();
  await send({ id: 'n-2' });
  others(1_200);
  // Something happened in it lately.
  await send({ id: 'n-3' });
  expect(github.issues[0]?.comments).toHaveLength(2);
  const silent = send({ fingerprint: 'silent/for/long' });
  await expect(silent).rejects.toThrow('more than 1000 open issues with the label purser-alert');
  expect(github.issues).toHaveLength(1_201);
});

it('reads no more of the comments than may be its own', async () => {
  await send();
  github.issues[0]?.comments.push(...Array.from({ length: 950 }, (_, n) => `of before ${n}`));
  github.issues[0]?.commentedAt.push(...Array.from({ length: 950 }, () => '2020-01-01T00:00:00Z'));
  github.requests.length = 0;
  await send({ id: 'n-2', at: new Date() });
  await send({ id: 'n-2', at: new Date() });
  expect(github.issues[0]?.comments).toHaveLength(951);
  expect(github.requests.filter((one) => one === 'GET /repos/acme/ops/issues/1/comments')).toHaveLength(2);
});

it('leaves nothing open after a test', async () => {
  await send({ state: 'test', fingerprint: 'test/1', kind: 'test', title: 'Test' });
  expect(github.issues).toMatchObject([{ title: 'Test', state: 'closed' }]);
});

it('mentions nobody and refers to nothing by what others wrote', async () => {
  await send({ text: 'see #1 @ada\n```\n<!-- purser-alert: x -->\n````\n@bob', details: { text: '```` @eve' } });
  const body = github.issues[0]?.body ?? '';
  expect(body).toContain('\n`````text\nsee #1 @ada\n```\n<!-- purser-alert: x -->\n````\n@bob\n`````\n');
  expect(body).toContain('`````json\n{\n  "text": "```` @eve"\n}\n`````');
});

it('stays within what GitHub takes', async () => {
  await send({ title: 'x'.repeat(500), text: 'y'.repeat(100_000), details: { much: '"\n'.repeat(100_000) } });
  expect(github.issues[0]?.title.length).toBeLessThanOrEqual(256);
  expect(github.issues[0]?.body.length).toBeLessThanOrEqual(65_536);
});

describe('what is wrong', () => {
  const failure = (sending: Promise<void>) =>
    sending.then(
      () => 'nothing',
      (error: unknown) => inspect(error),
    );

  it('is said, and nothing is tried again here', async () => {
    expect(await failure(send({}, {}, {}))).toContain('GITHUB_TOKEN is not set');
    const refused = await failure(send({}, {}, { GITHUB_TOKEN: 'ghp_wrong-token-0123' }));
    expect(refused).toMatch(/refused the token in GITHUB_TOKEN: Bad credentials/);
    expect(refused).not.toContain('ghp_wrong-token-0123');
    expect(await failure(send({}, { repository: 'acme/nothing' }))).toContain('there is no repository acme/nothing');
    const before = github.requests.length;
    github.next = [403, { message: 'rate limited' }, { 'retry-after': '60', 'x-ratelimit-remaining': '0' }];
    expect(await failure(send())).toMatch(/takes no more requests .* for now.*: rate limited/);
    github.next = [403, { message: 'You have exceeded a secondary rate limit.' }];
    expect(await failure(send())).toContain('takes no more requests');
    github.next = [429, { message: 'slow down' }];
    expect(await failure(send())).toContain('takes no more requests');
    github.next = [403, { message: 'Resource not accessible' }, { 'x-ratelimit-remaining': '4999' }];
    expect(await failure(send())).toContain('does not let the token in GITHUB_TOKEN write issues');
    github.next = [500, { message: 'oops' }];
    expect(await failure(send())).toContain('GitHub answered 500: oops');
    expect(github.requests).toHaveLength(before + 5);
    expect(await failure(send({}, { baseUrl: 'http://127.0.0.1:1' }))).toContain('GitHub cannot be reached');
  });

  it('ends with its signal', async () => {
    const stop = AbortSignal.abort(new Error('enough'));
    await expect(notifier().send(notice(), { signal: stop })).rejects.toThrow('enough');
    expect(github.requests).toEqual([]);
  });
});
