import { FakeApi } from '../testing/fake-api.fixture.js';
import { taskWith as task } from '../testing/task.fixture.js';

describe('commands that steer tasks', () => {
  let api: FakeApi;

  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());
  beforeEach(() => api.reset());
  const purser = (...argv: string[]) => api.purser(...argv);

  it('pauses in the name of who runs it, and resumes', async () => {
    const waiting = 'person: ada: frozen';
    api.answers['POST /v1/tasks/nightly/pause'] = () => [200, task({ state: 'paused', waiting })];
    api.answers['POST /v1/tasks/nightly/resume'] = () => [200, task()];
    const paused = await purser('task', 'pause', 'nightly', '--reason', 'frozen');
    expect(paused).toMatchObject({ code: 0, out: 'nightly is paused\n' });
    expect(await purser('task', 'resume', 'nightly')).toMatchObject({ code: 0, out: 'nightly is ready\n' });
    expect(api.seen.map(({ body }) => body)).toEqual([{ by: 'ada', reason: 'frozen' }, { by: 'ada' }]);
  });

  it('sends signals with a payload of JSON or text, and shows them', async () => {
    const sent = (number: number, payload: unknown) => ({
      number,
      name: 'focus',
      payload,
      by: 'ada',
      at: '2026-11-29T10:00:00Z',
      epoch: number === 1 ? 3 : null,
      state: number === 1 ? 'delivered' : 'waiting',
    });
    api.answers['POST /v1/tasks/nightly/signals'] = () => [201, sent(2, null)];
    expect(await purser('task', 'signal', 'nightly', 'focus', '{"path":"src"}')).toMatchObject({
      code: 0,
      out: 'signal 2 is waiting\n',
    });
    await purser('task', 'signal', 'nightly', 'focus', 'on the tests', '--key', 'k1');
    expect(api.seen.map(({ body }) => body)).toEqual([
      { name: 'focus', payload: { path: 'src' }, by: 'ada' },
      { name: 'focus', payload: 'on the tests', by: 'ada', key: 'k1' },
    ]);
    expect(await purser('task', 'signal', 'nightly', 'focus', '{"path"')).toMatchObject({ code: 2, out: '' });
    api.answers['GET /v1/tasks/nightly/signals'] = () => [200, { signals: [sent(2, 'x'), sent(1, { a: 1 })] }];
    const { out } = await purser('task', 'signals', 'nightly');
    expect(out).toMatch(/^2 +focus +waiting +ada .* "x"\n1 +focus +delivered to #3 +ada .* \{"a":1\}\n$/m);
  });

  it('lists what failed for good, shows why, and retries it', async () => {
    const error = { code: 'poison', message: '5 sessions in a row were lost' };
    const facts = { diagnosis: 'Its runner died.', failures: 0, lostInARow: 5, checkpoint: null, retriedAs: null };
    const letter = { task: task({ state: 'failed', error }), ...facts };
    api.answers['GET /v1/dead-letters'] = () => [200, { deadLetters: [letter], next: '7' }];
    const listed = await purser('task', 'dead', '--code', 'poison');
    expect(listed.out).toMatch(
      /^nightly +poison +1 .* 5 sessions in a row were lost\nMore: purser task dead --after 7\n$/m,
    );
    const handoff = { epoch: 4, at: '2026-11-29T10:00:00Z', markdown: '# Do the rest' };
    api.answers['GET /v1/dead-letters/nightly'] = () => [200, { ...letter, handoff }];
    const { out } = await purser('task', 'dead', 'nightly');
    expect(out).toMatch(/diagnosis +Its runner died\./);
    expect(out).toContain('# Do the rest');
    api.answers['POST /v1/tasks/nightly/retry'] = () => [201, task({ id: 'nightly-r1', retryOf: 'nightly' })];
    expect((await purser('task', 'retry', 'nightly')).out).toContain('Task nightly-r1 is ready');
    await purser('task', 'retry', 'nightly', '--fresh', '--id', 'again', '--budget', '2', '--max-sessions', '5');
    expect(await purser('task', 'retry', 'nightly', '--fresh', '--from-checkpoint')).toMatchObject({ code: 2 });
    const asked = api.seen.flatMap(({ method, body }) => (method === 'POST' ? [body] : []));
    expect(asked).toEqual([
      { from: 'checkpoint', by: 'ada' },
      { from: 'fresh', by: 'ada', newId: 'again', budgetUsd: '2', maxSessions: 5 },
    ]);
  });
});
