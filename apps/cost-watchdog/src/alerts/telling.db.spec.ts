import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { AlertsRepository } from './alerts.repository.js';
import { ChannelsRepository } from './channels.repository.js';
import { AlertsService, type NewAlert } from './alerts.service.js';
import { giveChannels, raise, RecordedChannel, sweep } from './recorded-channels.fixture.js';

let database: TestDatabase;
const open: TestWatchdog[] = [];
const clock = new HandClock(new Date('2026-11-23T10:00:00Z'));
const MINUTE = 60_000;

beforeEach(async () => {
  clock.set('2026-11-23T10:00:00Z');
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((watchdog) => watchdog.close()));
  await database?.drop();
});

async function start(alerts: Parameters<typeof openWatchdog>[3] = {}): Promise<TestWatchdog> {
  const watchdog = await openWatchdog(database.url, clock, {}, { dailyReport: false, groupSeconds: 5, ...alerts });
  open.push(watchdog);
  return watchdog;
}

const later = async (ms: number, ...watchdogs: TestWatchdog[]) => {
  clock.advance(ms);
  for (const watchdog of watchdogs) await sweep(watchdog);
};

describe('one alert', () => {
  it('is told once while it goes on, and again after its cooldown', async () => {
    const watchdog = await start({ cooldownMinutes: 60 });
    const mail = new RecordedChannel('mail');
    await giveChannels(watchdog, [mail]);
    for (let minute = 0; minute < 59; minute += 10) {
      await raise(watchdog, 'a', { title: `Something with a, ${minute}` });
      await later(10 * MINUTE, watchdog);
    }
    expect(mail.sent).toMatchObject([{ fingerprint: 'spec/a', title: 'Something with a, 0' }]);
    await raise(watchdog, 'a', { title: 'Something with a, still' });
    await later(5_000, watchdog);
    expect(mail.sent).toHaveLength(2);
    expect(mail.sent[1]).toMatchObject({ fingerprint: 'spec/a', title: 'Something with a, still' });
    expect(mail.sent[1]?.text).toContain('Raised 7 times');
    // Tools hear of each time.
    expect(await watchdog.facts('alert.warning.spec')).toHaveLength(7);
  });

  it('is told whatever strangers wrote into it', async () => {
    const watchdog = await start();
    const mail = new RecordedChannel('mail');
    await giveChannels(watchdog, [mail]);
    await raise(watchdog, 'a', { title: 'refused: x\0y', details: { payload: 'half \ud83d', 'a\0': ['\0'] } });
    await later(5_000, watchdog);
    expect(mail.sent).toMatchObject([{ title: 'refused: x\ufffdy', details: { payload: 'half \ufffd' } }]);
    mail.fails = 'it said \0';
    await raise(watchdog, 'b');
    await later(5_000, watchdog);
    expect(await watchdog.get(ChannelsRepository).list(watchdog.database, clock.now())).toMatchObject([
      { last_error: expect.stringContaining('it said \ufffd') as string },
    ]);
  });

  it('that merely happened is forgotten without a word', async () => {
    const watchdog = await start({ cooldownMinutes: 60 });
    const mail = new RecordedChannel('mail');
    await giveChannels(watchdog, [mail]);
    await raise(watchdog, 'a');
    await later(5_000, watchdog);
    await later(60 * MINUTE, watchdog);
    const [row] = await watchdog.get(AlertsRepository).list(watchdog.database, { limit: 1 });
    expect(row).toMatchObject({ state: 'resolved', resolution: 'it did not happen again' });
    expect(mail.heard).toEqual(['firing spec']);
  });

  it('that lasts is told to tools when it begins, and after its cooldown', async () => {
    const watchdog = await start({ cooldownMinutes: 60 });
    for (let minute = 0; minute <= 60; minute += 20) {
      await raise(watchdog, 'a', { lasts: true });
      await later(20 * MINUTE, watchdog);
    }
    expect(await watchdog.facts('alert.warning.spec')).toHaveLength(2);
  });

  it('that lasts is over when somebody says so', async () => {
    const watchdog = await start({ cooldownMinutes: 60 });
    const mail = new RecordedChannel('mail');
    await giveChannels(watchdog, [mail]);
    await raise(watchdog, 'a', { lasts: true });
    await later(5_000, watchdog);
    await later(24 * 60 * MINUTE, watchdog);
    expect(mail.heard).toEqual(['firing spec']);
    await watchdog.get(AlertsService).resolveNow('spec', 'a', 'it was mended');
    await watchdog.get(AlertsService).resolveNow('spec', 'a', 'it was mended twice');
    await later(5_000, watchdog);
    expect(mail.heard).toEqual(['firing spec', 'resolved spec']);
    expect(mail.sent[1]?.text).toContain('it was mended');
  });

  it('of an emergency is told each time, however short the peace was', async () => {
    const watchdog = await start({ cooldownMinutes: 60 });
    const mail = new RecordedChannel('mail');
    await giveChannels(watchdog, [mail]);
    const say = (kind: string, severity: NewAlert['severity']) =>
      watchdog.get(AlertsService).raise({ severity, kind, title: kind, details: {} });
    for (let round = 0; round < 2; round++) {
      await say('emergency', 'critical');
      await later(5_000, watchdog);
      await say('emergency_cleared', 'info');
      await later(5_000, watchdog);
    }
    const round = ['firing emergency', 'resolved emergency', 'firing emergency_cleared'];
    expect(mail.heard).toEqual([...round, ...round]);
    expect(await watchdog.facts('alert.info.emergency_cleared')).toHaveLength(2);
  });
});

describe('several alerts', () => {
  it('that come together are one notice, but several where each opens an incident', async () => {
    const watchdog = await start({ groupSeconds: 30 });
    const [mail, pager] = [new RecordedChannel('mail'), new RecordedChannel('pager', true)];
    await giveChannels(watchdog, [mail, pager]);
    await raise(watchdog, 'a', { severity: 'info' });
    await later(20_000, watchdog);
    await raise(watchdog, 'b');
    await later(9_000, watchdog);
    expect(mail.sent).toEqual([]);
    await later(1_000, watchdog);
    expect(mail.sent).toMatchObject([{ severity: 'warning', title: '2 alerts, first of all: Something with b' }]);
    expect(mail.sent[0]?.text).toBe('warning: Something with b\ninfo: Something with a');
    expect(pager.sent.map(({ fingerprint }) => fingerprint)).toEqual(['spec/a', 'spec/b']);
    await later(60_000, watchdog);
    expect(mail.sent).toHaveLength(1);
    // What is critical waits for nobody, and takes along what waits.
    await raise(watchdog, 'c');
    await raise(watchdog, 'd', { severity: 'critical' });
    await later(0, watchdog);
    expect(mail.sent[1]?.text).toBe('critical: Something with d\nwarning: Something with c');
  });

  it('wait for the end of quiet hours unless they are critical', async () => {
    const watchdog = await start({ timezone: 'Europe/Berlin', quietHours: { from: '22:00', to: '07:00' } });
    const mail = new RecordedChannel('mail');
    const night = new RecordedChannel('night');
    await giveChannels(watchdog, [mail, night], { night: { quietHours: false } });
    clock.set('2026-11-23T22:30:00Z'); // 23:30 there
    for (const about of ['a', 'b', 'over']) await raise(watchdog, about, { lasts: true });
    await raise(watchdog, 'c', { severity: 'critical' });
    await later(5_000, watchdog);
    expect(mail.sent.map(({ title }) => title)).toEqual(['Something with c']);
    expect(night.sent.map(({ title }) => title)).toEqual(['4 alerts, first of all: Something with c']);
    await watchdog.get(AlertsService).resolveNow('spec', 'over', 'by itself');
    clock.set('2026-11-24T05:59:59Z');
    await later(0, watchdog);
    expect(mail.sent).toHaveLength(1);
    clock.set('2026-11-24T06:00:05Z');
    await later(0, watchdog);
    // What was over by then is nobody's business any more.
    expect(mail.sent[1]).toMatchObject({ text: 'warning: Something with a\nwarning: Something with b' });
    expect(mail.sent).toHaveLength(2);
  });

  it('that go on and on are told in few notices, but for critical ones', async () => {
    const watchdog = await start({ groupSeconds: 0 });
    const mail = new RecordedChannel('mail');
    await giveChannels(watchdog, [mail]);
    for (let n = 0; n < 60; n++) {
      await raise(watchdog, `n${n}`);
      await later(5_000, watchdog);
    }
    const inFiveMinutes = mail.sent.length;
    expect(inFiveMinutes).toBeLessThanOrEqual(10);
    await raise(watchdog, 'worse', { severity: 'critical' });
    await later(0, watchdog);
    expect(mail.sent[inFiveMinutes]?.title).toBe(`${61 - inFiveMinutes} alerts, first of all: Something with worse`);
    await raise(watchdog, 'last');
    await later(10 * MINUTE, watchdog);
    expect(mail.sent.at(-1)?.title).toBe('Something with last');
  });

  it('go to a channel by what it wants to hear', async () => {
    const watchdog = await start({ groupSeconds: 0 });
    const [mail, pager] = [new RecordedChannel('mail'), new RecordedChannel('pager', true)];
    await giveChannels(watchdog, [mail, pager], { pager: { minSeverity: 'critical' } });
    await raise(watchdog, 'a');
    await later(0, watchdog);
    await raise(watchdog, 'b', { severity: 'critical' });
    await later(0, watchdog);
    expect(mail.sent).toHaveLength(2);
    expect(pager.sent.map(({ fingerprint }) => fingerprint)).toEqual(['spec/b']);
  });
});
