import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '@purser/service';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { AlertsFile } from '../alerts/alerts-file.js';
import { AlertsService } from '../alerts/alerts.service.js';
import { giveChannels, raise, RecordedChannel, sweep } from '../alerts/recorded-channels.fixture.js';
import { EmergencyService } from '../emergency/emergency.service.js';
import { HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { RetentionRepository } from './retention.repository.js';
import { Retention } from './retention.service.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const quiet = () => undefined;
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };

const clock = new HandClock(new Date('2026-01-01T00:00:00Z'));
let database: TestDatabase;
let watchdog: TestWatchdog;
let folder: string;
let mail: RecordedChannel;
let issues: RecordedChannel;

beforeEach(async () => {
  clock.set('2026-01-01T00:00:00Z');
  folder = await mkdtemp(join(tmpdir(), 'purser-reports-'));
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, clock, {}, { dailyReport: false });
  [mail, issues] = [new RecordedChannel('mail'), new RecordedChannel('issues', true)];
  await giveChannels(watchdog, [mail, issues]);
});

afterEach(async () => {
  await watchdog?.close();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

const retention = ({ alertDays = 30, reportDays = 30, cooldownMinutes = 60 } = {}) =>
  new Retention(
    new RetentionRepository(watchdog.database),
    clock,
    { PURSER_ALERT_RETENTION_DAYS: alertDays, PURSER_REPORT_RETENTION_DAYS: reportDays },
    AlertsFile.parse({ cooldownMinutes }),
    folder,
    log,
  );
const count = async (table: string): Promise<number> => {
  const [row] = await watchdog.database.query<{ n: bigint }>(`SELECT count(*) AS n FROM ${table}`);
  return Number(row?.n);
};
const held = async () => ({
  alerts: await count('alerts'),
  tellings: await count('tellings'),
  deliveries: await count('deliveries'),
});
const later = async (ms: number): Promise<void> => {
  clock.advance(ms);
  await sweep(watchdog);
};

describe('alerts', () => {
  it('that were over long ago go, with whom they were told by and what was sent; others stay', async () => {
    await raise(watchdog, 'old');
    await later(MINUTE);
    await later(61 * MINUTE);
    await later(25 * DAY);
    await raise(watchdog, 'young');
    await later(MINUTE);
    await later(61 * MINUTE);
    expect(await held()).toEqual({ alerts: 2, tellings: 4, deliveries: 4 });
    await later(6 * DAY);
    await retention().round();
    expect(await held()).toEqual({ alerts: 1, tellings: 2, deliveries: 2 });
    await later(25 * DAY);
    await retention({ alertDays: 0 }).round();
    expect(await count('alerts')).toBe(1);
    await retention().round();
    expect(await held()).toEqual({ alerts: 0, tellings: 0, deliveries: 0 });
  });

  it('that are open stay however old they are, and whoever was told of them is told of their end', async () => {
    await raise(watchdog, 'a', { lasts: true });
    await later(MINUTE);
    for (let day = 0; day < 100; day++) {
      await later(DAY);
      await raise(watchdog, 'a', { lasts: true });
    }
    await later(MINUTE);
    await later(40 * DAY);
    await retention().round();
    expect(await held()).toEqual({ alerts: 1, tellings: 2, deliveries: 2 });
    await watchdog.get(AlertsService).resolveNow('spec', 'a', 'somebody mended it');
    await later(MINUTE);
    expect(mail.heard.at(-1)).toBe('resolved spec');
    expect(issues.heard.at(-1)).toBe('resolved spec');
  });

  it('still hold their next firing back after they are over', async () => {
    await watchdog.close();
    watchdog = await openWatchdog(database.url, clock, {}, { dailyReport: false, cooldownMinutes: 4_320 });
    await giveChannels(watchdog, [mail]);
    const service = watchdog.get(AlertsService);
    await raise(watchdog, 'a', { lasts: true });
    await later(MINUTE);
    await service.resolveNow('spec', 'a', 'for now');
    await later(2 * DAY);
    await retention({ alertDays: 1, cooldownMinutes: 4_320 }).round();
    await raise(watchdog, 'a', { lasts: true });
    await later(MINUTE);
    expect(mail.heard.filter((heard) => heard.startsWith('firing'))).toHaveLength(1);
    await later(DAY);
    expect(mail.heard.filter((heard) => heard.startsWith('firing'))).toHaveLength(2);
  });

  it('stay until they were told, or their channel is forgotten', async () => {
    mail.fails = 'not now';
    await raise(watchdog, 'a');
    await later(MINUTE);
    await later(62 * MINUTE);
    clock.advance(2 * DAY);
    await retention({ alertDays: 1 }).round();
    expect(await count('alerts')).toBe(1);
    mail.fails = undefined;
    await sweep(watchdog);
    await later(MINUTE);
    expect(mail.heard[0]).toBe('firing spec');
    await giveChannels(watchdog, []);
    await later(8 * DAY);
    await retention({ alertDays: 1 }).round();
    expect(await held()).toEqual({ alerts: 0, tellings: 0, deliveries: 0 });
  });

  it('go in bounded batches, by several watchdogs at once, each once', async () => {
    await watchdog.database.query(
      `INSERT INTO alerts (fingerprint, topic, period, rank, severity, kind, title, details, lasts, state, silenced, fired_at,
                           last_fired_at, last_at, resolved_at)
       SELECT 'f' || n, 't', '', 0, 'info', 'spec', 't', '{}', false, 'resolved', false, $1, $1, $1, $1
         FROM generate_series(1, 90) AS n`,
      [clock.now()],
    );
    clock.advance(2 * DAY);
    const repository = new RetentionRepository(watchdog.database);
    const old = { now: clock.now(), before: new Date(clock.now().getTime() - DAY), cooledBy: clock.now() };
    const gone = await Promise.all([1, 2, 3].map(() => repository.forgetAlerts(old, 40)));
    expect(Math.max(...gone)).toBeLessThanOrEqual(40);
    const rest = await repository.forgetAlerts(old, 90);
    expect(gone.reduce((sum, one) => sum + one, rest)).toBe(90);
  });
});

describe('reports on emergencies', () => {
  const report = async (serial: number, at: string): Promise<string> => {
    const id = `emergency_${at.replaceAll(/[:.]/g, '-')}`;
    await watchdog.database.query(`INSERT INTO emergency_reports (id, serial, at, report) VALUES ($1, $2, $3, '{}')`, [
      id,
      serial,
      at,
    ]);
    for (const ending of ['json', 'html']) await writeFile(join(folder, `${id}.${ending}`), '');
    return id;
  };
  const evidence = { severity: 'critical' as const, kind: 'spike', title: 'a spike', details: {} };

  it('go when they are old, as rows and as files, but for the last one', async () => {
    const emergency = watchdog.get(EmergencyService);
    const ids: string[] = [];
    for (const serial of [1, 2, 3]) {
      const { at } = await emergency.trigger({ by: 'ada', reason: 'a spec' }, evidence);
      const said = { serial, service: 'model-gateway', instance: 'gw', at, stopped: [] };
      await emergency.acknowledge([said]);
      ids.push(await report(serial, at));
      // There is no bus here: it is cleared as somebody with another store would.
      if (serial < 3) await watchdog.database.query('UPDATE latch SET active = false');
      clock.advance(20 * DAY);
    }
    await writeFile(join(folder, 'notes.txt'), 'of a person');
    await writeFile(join(folder, 'emergency_2020-01-01T00-00-00-000Z.json.new'), 'a write that was cut off');
    await retention().round();
    const left = async () =>
      (await watchdog.database.query<{ id: string }>('SELECT id FROM emergency_reports ORDER BY at')).map(
        ({ id }) => id,
      );
    expect(await left()).toEqual([ids[2]]);
    expect((await readdir(folder)).sort()).toEqual([`${ids[2]}.html`, `${ids[2]}.json`, 'notes.txt']);
    clock.advance(4_000 * DAY);
    await retention().round();
    expect(await left()).toEqual([ids[2]]);
    expect(await readdir(folder)).toContain(`${ids[2]}.html`);
    expect(await count('emergency_evidence')).toBe(1);
    expect(await count('acknowledgements')).toBe(1);
  });
});
