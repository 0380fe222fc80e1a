import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FakeApi } from '../testing/fake-api.fixture.js';

describe('what the sessions of a task left', () => {
  let api: FakeApi;

  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());
  beforeEach(() => api.reset());
  const purser = (...argv: string[]) => api.purser('task', ...argv);

  const bytes = randomBytes(300_000);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const headers = { etag: `"${digest}"`, 'content-length': String(bytes.length) };
  const mark = { taskId: 'nightly', epoch: 2, number: 7, at: '2026-11-28T10:00:00.000Z', digest, size: bytes.length };

  it('is its checkpoint, in words, and as a file', async () => {
    api.answers['GET /v1/tasks/nightly/checkpoint'] = () => [
      200,
      { ...mark, commit: 'c0ffee', inline: true, state: { chapter: 3 } },
    ];
    const shown = await purser('checkpoint', 'nightly');
    expect(shown.code).toBe(0);
    expect(shown.out).toMatch(/checkpoint +7 of epoch 2[\s\S]*commit +c0ffee[\s\S]*"chapter": 3/);
    api.answers['GET /v1/tasks/nightly/checkpoint'] = () => [200, { ...mark, inline: false, state: null }];
    expect((await purser('checkpoint', 'nightly')).out).toContain('too large to be shown; --out');
    api.answers['GET /v1/tasks/nightly/checkpoint/content'] = () => [200, bytes, headers];
    const saved = await purser('checkpoint', 'nightly', '--out', 'state.bin');
    expect(saved).toMatchObject({ code: 0, out: expect.stringContaining(digest) as string });
    expect((await readFile(join(api.folder, 'state.bin'))).equals(bytes)).toBe(true);
  });

  it('is not written when something else came than was announced', async () => {
    const wrong = Buffer.concat([bytes.subarray(1), Buffer.from('x')]);
    api.answers['GET /v1/tasks/nightly/artifacts/report.html'] = () => [200, wrong, headers];
    const { code, err } = await purser('artifacts', 'nightly', '--get', 'report.html');
    expect(code).not.toBe(0);
    expect(err).toContain(`${digest} was announced`);
    expect((await readdir(api.folder)).filter((name) => name.startsWith('report'))).toEqual([]);
  });

  it('is its handoff, and its artifacts in a table or one by one', async () => {
    const at = mark.at;
    api.answers['GET /v1/tasks/nightly/handoff'] = () => [200, { taskId: 'nightly', epoch: 3, at, markdown: '# Done' }];
    expect((await purser('handoff', 'nightly', '--epoch', '3')).out).toBe('# Done\n');
    expect(api.seen.at(-1)?.url).toBe('/v1/tasks/nightly/handoff?epoch=3');
    const file = { name: 'report.html', kind: 'file', epoch: 2, size: bytes.length, digest, link: null, at };
    const pull = {
      ...file,
      name: 'pull-request',
      kind: 'pull_request',
      size: 0,
      digest: null,
      link: 'https://x.example/1',
    };
    api.answers['GET /v1/tasks/nightly/artifacts'] = () => [200, { artifacts: [file, pull] }];
    const { out } = await purser('artifacts', 'nightly');
    expect(out).toMatch(/report\.html +file +2 +300000/);
    expect(out).toMatch(/pull-request +pull_request .*https:\/\/x\.example\/1/);
    api.answers['GET /v1/tasks/nightly/artifacts/report.html'] = () => [200, bytes, headers];
    expect((await purser('artifacts', 'nightly', '--get', 'report.html', '--out', 'r.html')).code).toBe(0);
    expect((await readFile(join(api.folder, 'r.html'))).equals(bytes)).toBe(true);
    expect((await purser('artifacts', 'nightly', '--out', 'r.html')).code).toBe(2);
  });
});
