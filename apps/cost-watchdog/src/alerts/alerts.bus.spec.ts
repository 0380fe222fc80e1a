import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '@purser/bus';
import {
  alertsChannels,
  alertsList,
  alertsTest,
  budgetsList,
  budgetsSet,
  leasesGrant,
  spendRecorded,
} from '@purser/contracts';
import { Database } from '@purser/database';
import { logTo, type RunningService } from '@purser/service';
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { start } from '../index.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { MailServer } from './mail-server.fixture.js';

jest.setTimeout(120_000);

const PASSWORD = 'correct-horse-battery';
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

let nats: TestNats;
let database: TestDatabase;
let configDir: string;
let services: RunningService[] = [];
let bus: Bus;
let hook: Server;
const mail = new MailServer('ada', PASSWORD);
/** Everything that both watchdogs log. */
const logged: string[] = [];
const hooked: { signature: unknown; event: { type: string; data: { kind: string; fingerprint: string } } }[] = [];

beforeAll(async () => {
  hook = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const event = JSON.parse(body) as (typeof hooked)[number]['event'];
      hooked.push({ signature: request.headers['webhook-signature'], event });
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await Promise.all([once(hook, 'listening'), mail.open()]);
  configDir = await mkdtemp(join(tmpdir(), 'purser-alerts-'));
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/purser`;
  const plugins = [
    { use: '@purser/webhook', name: 'hook', config: { url, secretEnv: 'HOOK_SECRET' } },
    { use: '@purser/webhook', name: 'broken', config: { template: 'slack' } },
  ];
  await writeFile(join(configDir, 'plugins.json'), JSON.stringify({ plugins }));
  await writeFile(join(configDir, 'alerts.json'), '{"groupSeconds": 0, "dailyReport": false}');
  await writeFile(
    join(configDir, 'budgets.json'),
    '{"monthly_budget": {"total": 100}, "alert_email": "ops@example.org", "spikeRules": []}',
  );
  [nats, database] = await Promise.all([startTestNats(), createTestDatabase()]);
  logTo({ write: (line) => void logged.push(line) });
  services = await Promise.all(
    ['one', 'two'].map((instance) =>
      start({
        PURSER_NATS_URL: nats.url,
        PURSER_DATABASE_URL: database.url,
        PURSER_CONFIG_DIR: configDir,
        PURSER_INSTANCE: instance,
        PURSER_WATCHDOG_PORT: '0',
        PURSER_LOG_LEVEL: 'debug',
        COST_ALERT_DAILY: '0',
        COST_ALERT_WEEKLY: '0',
        COST_ALERT_MONTHLY: '0',
        SMTP_SERVER: '127.0.0.1',
        SMTP_PORT: mail.address,
        SMTP_USER: 'ada',
        SMTP_PASSWORD: PASSWORD,
        HOOK_SECRET: SECRET,
      }),
    ),
  );
  bus = await Bus.connect({ url: nats.url, service: 'model-gateway', instance: 'spec' });
});

afterAll(async () => {
  await bus?.close();
  await Promise.all(services.map((service) => service.close()));
  await Promise.all([nats?.stop(), database?.drop(), mail.close()]);
  hook?.close();
  logTo(undefined);
  await rm(configDir, { recursive: true, force: true });
});

const set = (id: string, limitUsd: string) =>
  bus.call(budgetsSet, { id, scope: { project: id }, period: 'day', limitUsd, by: 'ada', reason: 'a spec' });

/** A call that is held in the budget's window, and then settled. */
async function spend(id: string, amountUsd: string): Promise<void> {
  const budget = (await bus.call(budgetsList, {})).budgets.find((one) => one.id === id);
  const windowId = budget?.window.id ?? '';
  const before = Number(budget?.window.settledUsd);
  const granted = String((before + Number(amountUsd)).toFixed(2));
  const ask = { windowId, grantedUsd: before.toFixed(2), needUsd: amountUsd, wantUsd: amountUsd };
  await bus.call(leasesGrant, { gateway: 'g1', windows: [ask] });
  const one = newSpend({ gateway: 'g1', project: id, amountUsd, holdUsd: amountUsd, windows: [windowId] });
  await bus.publish(spendRecorded, one.provider, { spends: [one] }, one.attemptId);
  await eventually(async () => {
    const { budgets } = await bus.call(budgetsList, {});
    expect(budgets.find((each) => each.id === id)?.window.settledUsd).toBe(granted);
  });
}

/** As if the night had passed: the window of the budget becomes yesterday's. */
async function midnight(id: string): Promise<void> {
  const sql = await Database.open({ url: database.url, schema: 'ledger', migrations: [], applicationName: 'spec' });
  await sql.query(
    `UPDATE windows SET starts_at = starts_at - interval '1 day', ends_at = ends_at - interval '1 day' WHERE budget_id = $1`,
    [id],
  );
  await sql.close();
  // As at the turn of a real minute, windows are looked at: whoever wants to know of today has it done, too.
  for (const { url } of services) await fetch(`${url}/health`);
}

const about = (id: string) =>
  hooked
    .filter(({ event }) => event.data.fingerprint.startsWith(`budget/${id}/`))
    .map(({ event }) => `${event.type} ${event.data.kind}`);
const mailsAbout = (id: string) => mail.subjects.filter((subject) => subject.includes(` ${id} `));

it('a budget that goes over its thresholds is one mail each, and one when its window is over', async () => {
  await set('site', '1.00');
  await spend('site', '0.80');
  await eventually(() => expect(mailsAbout('site')).toHaveLength(1));
  await spend('site', '0.12');
  await eventually(() => {
    expect(mailsAbout('site')).toEqual([
      '[Purser] WARNING: Budget site passed its warning threshold: $0.80 of $1.00',
      '[Purser] CRITICAL: Budget site passed its critical threshold: $0.92 of $1.00',
    ]);
    expect(about('site')).toEqual(['alert.firing budget_warning', 'alert.firing budget_critical']);
  });
  const { alerts } = await bus.call(alertsList, { state: 'firing' });
  expect(alerts).toMatchObject([
    { kind: 'budget_critical', silenced: false },
    { kind: 'budget_warning', silenced: true },
  ]);

  await midnight('site');
  await eventually(() => {
    expect(mailsAbout('site').slice(2)).toEqual([
      '[Purser] RESOLVED: Over: Budget site passed its critical threshold: $0.92 of $1.00',
    ]);
    expect(about('site').slice(2).sort()).toEqual(['alert.resolved budget_critical', 'alert.resolved budget_warning']);
  });
  // What comes after it proves that nothing else was on its way.
  await set('last', '1.00');
  await spend('last', '0.95');
  await eventually(() => expect(mailsAbout('last')).toHaveLength(1));
  expect(mailsAbout('site')).toHaveLength(3);
  expect(about('site')).toHaveLength(4);
  expect(mail.mails[0]?.to).toMatchObject({ text: 'ops@example.org' });
  expect(new Set(hooked.map(({ signature }) => typeof signature))).toEqual(new Set(['string']));
});

it('lists open and past alerts, page by page', async () => {
  const first = await bus.call(alertsList, { limit: 2 });
  expect(first.alerts.map(({ kind, state }) => [kind, state])).toEqual([
    ['budget_critical', 'firing'],
    ['budget_critical', 'resolved'],
  ]);
  expect(first.next).not.toBeNull();
  const second = await bus.call(alertsList, { limit: 2, before: first.next ?? '' });
  expect(second).toMatchObject({ next: null, alerts: [{ kind: 'budget_warning', state: 'resolved' }] });
  expect((await bus.call(alertsList, { kind: 'budget_warning' })).alerts).toHaveLength(1);
  expect((await bus.call(alertsList, { severity: 'info' })).alerts).toEqual([]);
});

it('tests every channel at once, and says what is wrong with one that does not work', async () => {
  const before = [mail.mails.length, hooked.length];
  const { results } = await bus.call(alertsTest, {}, { timeoutMs: 15_000 });
  expect(results.map(({ channel, ok }) => [channel, ok]).sort()).toEqual([
    ['broken', false],
    ['hook', true],
    ['smtp', true],
  ]);
  expect(results.find(({ channel }) => channel === 'broken')?.error).toContain('urlEnv');
  expect([mail.mails.length, hooked.length]).toEqual(before.map((n) => n + 1));
  expect(mail.subjects.at(-1)).toBe('[Purser] TEST: Test: Purser reaches you by this channel');
  expect((await bus.call(alertsTest, { channel: 'hook' })).results).toMatchObject([{ channel: 'hook', ok: true }]);
  await expect(bus.call(alertsTest, { channel: 'fax' })).rejects.toMatchObject({
    code: 'not_found',
    message: expect.stringContaining('hook, smtp') as string,
  });
});

it('shows a dead channel everywhere, tells of it by the others, and makes good when it is back', async () => {
  await mail.close();
  const before = mail.mails.length;
  await set('dark', '1.00');
  await spend('dark', '0.95');
  const state = async () => (await bus.call(alertsChannels, {})).channels.find(({ name }) => name === 'smtp');
  await eventually(
    async () => {
      expect(await state()).toMatchObject({ state: 'dead', pending: 1, failures: 3 });
      expect(hooked.map(({ event }) => event.data.kind)).toContain('channel_dead');
    },
    { timeoutMs: 60_000 },
  );
  expect((await state())?.lastError).toMatch(/127\.0\.0\.1:\d+ cannot be reached/);
  expect((await bus.call(alertsList, {})).deadChannels).toEqual(['broken', 'smtp']);
  for (const { url } of services) {
    const health = await fetch(`${url}/health/ready`);
    expect([health.status, await health.json()]).toEqual([
      200,
      expect.objectContaining({
        checks: expect.objectContaining({ nats: 'ok', channels: expect.stringContaining('smtp') as string }) as object,
      }),
    ]);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/purser_alert_channel_up\{channel="smtp".*\} 0/);
    expect(metrics).toMatch(/purser_alert_channel_up\{channel="hook".*\} 1/);
    expect(metrics).toMatch(/purser_alerts_firing\{severity="critical".*\} [12]/);
  }
  expect(JSON.stringify(await bus.call(alertsChannels, {}))).not.toContain(PASSWORD);

  await mail.open();
  await eventually(
    async () => {
      expect(mail.subjects.slice(before)).toEqual([expect.stringContaining('Budget dark')]);
      expect(await state()).toMatchObject({ state: 'ok', pending: 0, lastError: null });
      expect(hooked.at(-1)?.event).toMatchObject({ type: 'alert.resolved', data: { kind: 'channel_dead' } });
    },
    { timeoutMs: 60_000 },
  );
});

it('logs what goes wrong, and no secret', () => {
  const lines = logged.join('');
  expect(lines).toContain('a notice could not be sent');
  for (const secret of [PASSWORD, SECRET, SECRET.slice('whsec_'.length)]) expect(lines).not.toContain(secret);
});
