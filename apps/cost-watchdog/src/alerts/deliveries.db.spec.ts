import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { AlertsRepository } from './alerts.repository.js';
import { AlertsService } from './alerts.service.js';
import { ChannelStates } from './channel-states.service.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { giveChannels, raise, RecordedChannel, sweep } from './recorded-channels.fixture.js';
import { MOST_ATTEMPTS } from './telling.js';

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

describe('several watchdogs', () => {
  it('send each notice once', async () => {
    const watchdogs = await Promise.all([start(), start(), start()]);
    const mail = new RecordedChannel('mail', true);
    for (const watchdog of watchdogs) await giveChannels(watchdog, [mail]);
    const abouts = Array.from({ length: 40 }, (_, n) => `n${n}`);
    await Promise.all(abouts.map((about, n) => raise(watchdogs[n % 3] as TestWatchdog, about)));
    clock.advance(5_000);
    await Promise.all(watchdogs.map((watchdog) => sweep(watchdog)));
    for (const watchdog of watchdogs) await sweep(watchdog);
    expect(mail.sent.map(({ fingerprint }) => fingerprint).sort()).toEqual(
      abouts.map((about) => `spec/${about}`).sort(),
    );
  });

  it('make one alert of what several of them raise at once', async () => {
    const watchdogs = await Promise.all([start(), start()]);
    const mail = new RecordedChannel('mail');
    for (const watchdog of watchdogs) await giveChannels(watchdog, [mail]);
    await Promise.all(Array.from({ length: 10 }, (_, n) => raise(watchdogs[n % 2] as TestWatchdog, 'a')));
    await later(5_000, ...watchdogs);
    expect(mail.sent).toHaveLength(1);
    const [first] = watchdogs;
    const rows = await first?.get(AlertsRepository).list(first.database, { limit: 10 });
    expect(rows).toMatchObject([{ count: 10, state: 'firing' }]);
  });

  it('send what one that died had taken', async () => {
    const [dying, other] = [await start(), await start()];
    const mail = new RecordedChannel('mail');
    for (const watchdog of [dying, other]) await giveChannels(watchdog, [mail]);
    await raise(dying, 'a');
    clock.advance(5_000);
    mail.fails = 'not now';
    await sweep(dying);
    clock.advance(6_000);
    const lostAt = new Date(clock.now().getTime() + 30_000);
    const taken = await dying.get(DeliveriesRepository).claim(dying.database, 'mail', clock.now(), lostAt);
    expect(taken).toMatchObject({ attempts: 2 });
    mail.fails = undefined;
    await later(29_000, other);
    expect(mail.sent).toEqual([]);
    await later(1_000, other);
    expect(mail.sent).toHaveLength(1);
    // Should it be alive after all, its word does not count any more.
    expect(await dying.get(DeliveriesRepository).tryAgain(dying.database, taken as never, 'late', clock.now())).toBe(
      false,
    );
  });
});

describe('a channel that fails', () => {
  it('is tried again with growing pauses, is told of by the others, and is well when something arrives', async () => {
    const watchdog = await start({ groupSeconds: 0 });
    const [mail, chat] = [new RecordedChannel('mail'), new RecordedChannel('chat')];
    await giveChannels(watchdog, [mail, chat]);
    mail.fails = 'the server is away';
    await raise(watchdog, 'a');
    const tried: number[] = [];
    for (let second = 0; second < 60; second++) {
      const before = mail.attempts;
      await sweep(watchdog);
      if (mail.attempts > before) tried.push(second);
      clock.advance(1_000);
    }
    expect(tried.length).toBeGreaterThanOrEqual(3);
    expect(tried.length).toBeLessThanOrEqual(6);
    const states = () => watchdog.get(ChannelStates).list();
    expect(await states()).toMatchObject([
      { name: 'chat', state: 'ok', failures: 0, pending: 0 },
      { name: 'mail', state: 'dead', lastError: 'the server is away', pending: 1 },
    ]);
    expect(chat.heard).toEqual(['firing spec', 'firing channel_dead']);
    expect(chat.sent[1]?.title).toBe('The channel mail reaches nobody: the server is away');
    expect(await watchdog.facts('alert.warning.channel_dead')).toHaveLength(1);

    mail.fails = undefined;
    await later(60 * MINUTE, watchdog);
    await later(0, watchdog);
    expect(mail.heard).toEqual(['firing spec']);
    expect(await states()).toMatchObject([{ state: 'ok' }, { state: 'ok', lastError: null, deadSince: null }]);
    expect(chat.heard.slice(2)).toEqual(['resolved channel_dead']);
  });

  it('is given up for a notice after many attempts, which is shown', async () => {
    const watchdog = await start({ groupSeconds: 0 });
    const mail = new RecordedChannel('mail');
    await giveChannels(watchdog, [mail]);
    mail.fails = 'no such mailbox';
    await raise(watchdog, 'a');
    for (let n = 0; n < MOST_ATTEMPTS + 5; n++) await later(60 * MINUTE, watchdog);
    expect(mail.attempts).toBe(MOST_ATTEMPTS);
    expect(await watchdog.get(ChannelStates).list()).toMatchObject([{ state: 'dead', pending: 0, givenUp: 1 }]);
  });

  it('keeps the order of what it is to tell of one alert', async () => {
    const watchdog = await start({ groupSeconds: 0 });
    const pager = new RecordedChannel('pager', true);
    await giveChannels(watchdog, [pager]);
    pager.fails = 'not now';
    await raise(watchdog, 'a', { lasts: true });
    await sweep(watchdog);
    pager.fails = undefined;
    await watchdog.get(AlertsService).resolveNow('spec', 'a', 'it was short');
    await sweep(watchdog);
    expect(pager.sent).toEqual([]);
    await later(10_000, watchdog);
    expect(pager.heard).toEqual(['firing spec', 'resolved spec']);
  });

  it('and hangs holds up no other', async () => {
    const watchdog = await start({ groupSeconds: 0 });
    const [mail, chat] = [new RecordedChannel('mail'), new RecordedChannel('chat')];
    await giveChannels(watchdog, [mail, chat]);
    let release = () => {};
    mail.held = new Promise<void>((resolve) => (release = resolve));
    await raise(watchdog, 'a');
    const sweeping = sweep(watchdog);
    while (chat.sent.length === 0 || mail.attempts === 0) await new Promise(setImmediate);
    expect(mail.sent).toEqual([]);
    release();
    await sweeping;
    expect(mail.sent).toHaveLength(1);
  });
});
