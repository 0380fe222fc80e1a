import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Schedule } from '@purser/contracts';
import { FakeApi } from '../testing/fake-api.fixture.js';

const schedule = (more: object = {}) =>
  Schedule.parse({
    id: 'review',
    cron: null,
    timezone: 'UTC',
    everySeconds: 14_400,
    at: null,
    task: { executor: 'command', input: { argv: ['date'] } },
    deadlineSeconds: null,
    state: 'active',
    pausedReason: null,
    next: ['2026-11-29T04:00:00Z', '2026-11-29T08:00:00Z'],
    lastFire: null,
    missed: 0,
    createdAt: '2026-11-29T00:00:00Z',
    updatedAt: '2026-11-29T00:00:00Z',
    ...more,
  });
const fire = (more: object = {}) => ({
  at: '2026-11-29T00:00:00Z',
  outcome: 'fired',
  taskId: 'review-20261129T000000Z',
  reason: null,
  manual: false,
  firedAt: '2026-11-29T00:00:01Z',
  ...more,
});

describe('purser schedule', () => {
  let api: FakeApi;

  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());
  beforeEach(() => api.reset());

  it('makes what the command line says, and tells when it fires', async () => {
    api.answers['POST /v1/schedules'] = () => [201, schedule()];
    const options = [
      '--every',
      '4h',
      '--overlap',
      'queue',
      '--jitter',
      '90s',
      '--budget',
      '1.50',
      '--catch-up',
      'none',
    ];
    const { code, out } = await api.purser('schedule', 'create', 'review', ...options, '--', 'claude', '-p', 'x');
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/^Schedule review is active\. It fires next at 2026-11-29 /),
    ]);
    expect(api.seen).toMatchObject([
      {
        body: {
          id: 'review',
          everySeconds: 14_400,
          overlap: 'queue',
          catchUp: 'none',
          jitterSeconds: 90,
          task: { executor: 'command', input: { argv: ['claude', '-p', 'x'] }, budgetUsd: '1.50' },
        },
      },
    ]);
  });

  it('takes the whole of it from a file, and puts it in the place of another', async () => {
    api.answers['PUT /v1/schedules/review'] = () => [200, schedule()];
    const { id, cron, task } = schedule({ cron: '30 2 * * *' });
    await writeFile(join(api.folder, 's.json'), JSON.stringify({ id, cron, timezone: 'Europe/Berlin', task }));
    expect((await api.purser('schedule', 'update', '--file', 's.json')).code).toBe(0);
    expect(api.seen).toMatchObject([{ body: { cron: '30 2 * * *', timezone: 'Europe/Berlin' } }]);
    const both = await api.purser('schedule', 'create', 'review', '--file', 's.json');
    expect([both.code, both.err]).toEqual([2, 'Give either --file or a name and a program, not both.\n']);
  });

  it('refuses what is no timetable, before it asks anybody, and names the field', async () => {
    const none = await api.purser('schedule', 'create', 'review', '--', 'date');
    expect([none.code, none.err]).toEqual([2, 'schedules.create: cron: give one of cron, everySeconds and at\n']);
    const zone = await api.purser('schedule', 'create', 'x', '--cron', '@daily', '--timezone', 'Mars/X', '--', 'date');
    expect([zone.code, zone.err]).toEqual([2, expect.stringContaining('timezone: an IANA time zone')]);
    expect(api.seen).toEqual([]);
  });

  it('shows one with its next times and what came of the last ones', async () => {
    const skipped = fire({ outcome: 'skipped', taskId: null, reason: '"a" of an earlier fire is still running' });
    api.answers['GET /v1/schedules/review'] = () => [
      200,
      { schedule: schedule({ missed: 3 }), fires: [skipped, fire({ manual: true })] },
    ];
    const { code, out } = await api.purser('schedule', 'show', 'review');
    expect(code).toBe(0);
    for (const text of ['every 4h', '3 times passed and not caught up', 'fired by hand', 'is still running'])
      expect(out).toContain(text);
    expect(out.match(/2026-11-29 \d\d:00:00/g)?.length).toBeGreaterThanOrEqual(4);
  });

  it('lists them', async () => {
    const lastFire = fire({ outcome: 'refused', taskId: null, reason: 'no room' });
    const paused = schedule({ id: 'b', state: 'paused', pausedReason: 'x', next: [], lastFire, cron: '@daily' });
    api.answers['GET /v1/schedules'] = () => [200, { schedules: [schedule(), paused], next: 'b' }];
    const { out } = await api.purser('schedule', 'list');
    expect(out).toMatch(/^review +active +every 4h +2026-11-29 /m);
    expect(out).toMatch(/^b +paused +@daily \(UTC\) +- .*refused: no room$/m);
    expect(out).toContain('More: purser schedule list --after b');
  });

  it('pauses, resumes, deletes; a trigger that makes no task ends with code 1', async () => {
    api.answers['POST /v1/schedules/review/pause'] = () => [200, schedule({ state: 'paused', pausedReason: 'by ada' })];
    api.answers['POST /v1/schedules/review/resume'] = () => [200, schedule()];
    api.answers['DELETE /v1/schedules/review'] = () => [200, { id: 'review', deleted: false }];
    api.answers['POST /v1/schedules/review/trigger'] = () => [200, fire()];
    expect((await api.purser('schedule', 'pause', 'review')).out).toBe('Schedule review is paused.\n');
    expect(api.seen[0]?.body).toEqual({ reason: 'by ada' });
    expect((await api.purser('schedule', 'resume', 'review')).out).toContain('is active. It fires next at');
    expect(await api.purser('schedule', 'delete', 'review')).toMatchObject({ code: 1 });
    expect(await api.purser('schedule', 'trigger', 'review')).toMatchObject({
      code: 0,
      out: expect.stringContaining('Task review-20261129T000000Z is submitted.') as string,
    });
    api.answers['POST /v1/schedules/review/trigger'] = () => [
      200,
      fire({ outcome: 'skipped', taskId: null, reason: 'one still runs' }),
    ];
    expect(await api.purser('schedule', 'trigger', 'review')).toMatchObject({
      code: 1,
      out: 'No task: one still runs\n',
    });
  });
});
