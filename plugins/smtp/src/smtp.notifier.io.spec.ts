import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, promisify } from 'node:util';
import type { Notice, PluginContext } from '@purser/plugin-sdk';
import { notifierChecks } from '@purser/plugin-sdk/testing';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { SmtpConfig } from './config.js';
import plugin from './index.js';

interface Received {
  mail: ParsedMail;
  from: string;
  to: string[];
  user: string | undefined;
  secure: boolean;
}

/** A mail server that takes everything for one user, or for everybody. */
class Mailbox {
  readonly received: Received[] = [];
  readonly server: SMTPServer;

  constructor(options: SMTPServerOptions = {}) {
    this.server = new SMTPServer({
      authOptional: true,
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _session, callback) =>
        username === 'ada' && password === 'open-sesame-42'
          ? callback(null, { user: username })
          : callback(new Error(`Invalid credentials for ${String(username)} with ${String(password)}`)),
      onData: (stream, session, callback) => {
        void simpleParser(stream).then((mail) => {
          const { mailFrom, rcptTo } = session.envelope;
          this.received.push({
            mail,
            from: mailFrom === false ? '' : mailFrom.address,
            to: rcptTo.map(({ address }) => address),
            user: session.user as string | undefined,
            secure: session.secure,
          });
          callback();
        }, callback);
      },
      ...options,
    });
    this.server.on('error', () => undefined);
  }

  async open(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server.server, 'listening');
    return String((this.server.server.address() as AddressInfo).port);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}

const notice = (more: Partial<Notice> = {}): Notice => ({
  id: 'n-1',
  fingerprint: 'budget/daily/7/critical',
  state: 'firing',
  severity: 'critical',
  kind: 'budget_critical',
  title: 'Budget daily passed its critical threshold: $4.50 of $5.00',
  text: 'Budget daily passed its critical threshold: $4.50 of $5.00',
  details: { budgetId: 'daily' },
  at: new Date('2026-11-23T10:00:00Z'),
  ...more,
});

/** A certificate that nobody but its own key vouches for. */
async function selfSigned(): Promise<{ key: string; cert: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'purser-smtp-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-days', '1'];
  await promisify(execFile)('openssl', [...request, '-keyout', key, '-out', cert]);
  const made = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
  await rm(folder, { recursive: true });
  return made;
}

const warned: object[] = [];
const logger = { debug() {}, info() {}, error() {}, warn: (fields: object) => void warned.push(fields) };
const notifier = (env: Record<string, string>, config: object = {}) => {
  const context: PluginContext = { logger, secret: (name) => env[name], signal: new AbortController().signal };
  const made = plugin.capabilities.notifier?.(context, SmtpConfig.parse(config));
  if (!made) throw new Error('no notifier');
  return made;
};
const send = (env: Record<string, string>, config: object = {}, more: Partial<Notice> = {}) =>
  notifier(env, config).send(notice(more), { signal: AbortSignal.timeout(10_000) });

let mailbox: Mailbox;
let env: Record<string, string>;
const opened: Mailbox[] = [];

async function serve(options: SMTPServerOptions = {}): Promise<void> {
  mailbox = new Mailbox(options);
  opened.push(mailbox);
  const port = await mailbox.open();
  env = { SMTP_SERVER: '127.0.0.1', SMTP_PORT: port, ALERT_EMAIL: 'ops@example.org, ada@example.org' };
}

afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())));

describe('conformance', () => {
  beforeEach(() => serve({ disabledCommands: ['STARTTLS'] }));
  const account = { SMTP_USER: 'ada', SMTP_PASSWORD: 'open-sesame-42' };
  const checks = notifierChecks({
    create: () => notifier({ ...env, ...account }),
    unreachable: () => notifier({ ...env, ...account, SMTP_PORT: '1' }),
    refused: () => notifier({ ...env, ...account, SMTP_PASSWORD: 'wrong-horse-battery' }),
    secrets: ['open-sesame-42', 'wrong-horse-battery', Buffer.from('wrong-horse-battery').toString('base64')],
  });
  for (const { name, run } of checks) it(name, run);
});

describe('a mail', () => {
  beforeEach(() => serve({ disabledCommands: ['STARTTLS'] }));

  it('goes to everybody with what there is to know', async () => {
    await send(env);
    const [{ mail, from, to } = {} as Received] = mailbox.received;
    expect(mailbox.received).toHaveLength(1);
    expect([from, to]).toEqual(['ops@example.org', ['ops@example.org', 'ada@example.org']]);
    expect(mail.subject).toBe('[Purser] CRITICAL: Budget daily passed its critical threshold: $4.50 of $5.00');
    expect(mail.text).toContain('"budgetId": "daily"');
    expect(mail.date).toEqual(new Date('2026-11-23T10:00:00Z'));
    expect(mail.headers.get('priority')).toBe('high');
    expect(mail.headers.get('auto-submitted')).toBe('auto-generated');
    expect(mail.headers.get('x-purser-fingerprint')).toBe('budget/daily/7/critical');
  });

  it('is the same mail when it is sent again, and hangs together with what else is told of its alert', async () => {
    await send(env);
    await send(env);
    await send(env, {}, { id: 'n-2', state: 'resolved', title: 'Over: it' });
    const [first, again, over] = mailbox.received.map(({ mail }) => mail);
    expect(again?.messageId).toBe(first?.messageId);
    expect(over?.messageId).not.toBe(first?.messageId);
    expect(over?.references).toEqual(first?.references);
    expect(over?.subject).toBe('[Purser] RESOLVED: Over: it');
    expect(over?.headers.get('priority')).not.toBe('high');
  });

  it('takes nothing of what others wrote for a header or a file', async () => {
    const title = 'x\r\nBcc: eve@example.org\r\n\r\nhello \u2028 ü';
    await send(
      env,
      {},
      { title, text: '/etc/hostname', details: { path: '/etc/hostname', href: 'http://127.0.0.1:1/' } },
    );
    const [{ mail, to } = {} as Received] = mailbox.received;
    expect(to).toEqual(['ops@example.org', 'ada@example.org']);
    expect(mail.subject).toBe('[Purser] CRITICAL: x Bcc: eve@example.org hello ü');
    expect(mail.headers.has('bcc')).toBe(false);
    expect(mail.text).toContain('/etc/hostname');
    expect(mail.attachments).toEqual([]);
  });

  it('is sent as the user that the environment or the configuration names', async () => {
    await send({ ...env, SMTP_USER: 'ada', SMTP_PASSWORD: 'open-sesame-42' });
    await send(
      { ...env, MAIL_USER: 'ada', MAIL_PASSWORD: 'open-sesame-42' },
      { userEnv: 'MAIL_USER', passwordEnv: 'MAIL_PASSWORD', from: 'purser@example.org', to: ['one@example.org'] },
    );
    expect(mailbox.received.map(({ user, from, to }) => [user, from, to.length])).toEqual([
      ['ada', 'ops@example.org', 2],
      ['ada', 'purser@example.org', 1],
    ]);
  });
});

describe('TLS', () => {
  it('is used where the server offers it, and a certificate that nobody vouches for is refused', async () => {
    await serve(await selfSigned());
    await expect(send({ ...env, SMTP_USER: 'ada', SMTP_PASSWORD: 'open-sesame-42' })).rejects.toThrow(
      /self-signed|certificate/i,
    );
    expect(mailbox.received).toEqual([]);
  });

  it('may be asked for, and is not done without then', async () => {
    await serve({ disabledCommands: ['STARTTLS'] });
    await expect(send(env, { tls: 'starttls' })).rejects.toThrow(/no TLS with 127\.0\.0\.1/);
    await send(env, { tls: 'none' });
    expect(mailbox.received.map(({ secure }) => secure)).toEqual([false]);
  });
});

describe('what is wrong', () => {
  const failure = (sending: Promise<void>) =>
    sending.then(
      () => 'nothing',
      (error: unknown) => inspect(error),
    );

  it('is told by the name of the variable', async () => {
    expect(await failure(send({}))).toContain('SMTP_SERVER');
    expect(await failure(send({ SMTP_SERVER: 'localhost' }))).toContain('ALERT_EMAIL');
    expect(await failure(send({ SMTP_SERVER: 'localhost', ALERT_EMAIL: 'a@b', SMTP_USER: 'ada' }))).toContain(
      'SMTP_PASSWORD is not',
    );
    const nobody = { SMTP_SERVER: '127.0.0.1', SMTP_PORT: '1', ALERT_EMAIL: 'a@b' };
    expect(await failure(send(nobody))).toMatch(/127\.0\.0\.1:1 cannot be reached \(SMTP_SERVER, SMTP_PORT\)/);
  });

  it('never tells the password, even when the server does', async () => {
    await serve({ disabledCommands: ['STARTTLS'] });
    const said = await failure(send({ ...env, SMTP_USER: 'ada', SMTP_PASSWORD: 'wrong-horse-battery' }));
    expect(said).toContain('refused the user or the password (SMTP_USER, SMTP_PASSWORD)');
    expect(said).toContain('Invalid credentials for ada');
    expect(said).not.toContain('wrong-horse-battery');
  });

  it('is what the server says of a recipient; one that it takes is enough', async () => {
    await serve({
      disabledCommands: ['STARTTLS'],
      onRcptTo: ({ address }, _session, callback) =>
        callback(address === 'ada@example.org' ? null : new Error('no such user here')),
    });
    await send(env);
    expect(mailbox.received.map(({ to }) => to)).toEqual([['ada@example.org']]);
    expect(warned).toEqual([{ refused: 1, of: 2 }]);
    expect(await failure(send({ ...env, ALERT_EMAIL: 'x@example.org' }))).toContain('no such user here');
  });

  it('does not keep anybody waiting for a server that says nothing', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const stop = new AbortController();
    const port = String((silent.address() as AddressInfo).port);
    const sending = notifier({ SMTP_SERVER: '127.0.0.1', SMTP_PORT: port, ALERT_EMAIL: 'a@b' }).send(notice(), {
      signal: stop.signal,
    });
    await once(silent, 'connection');
    stop.abort(new Error('enough'));
    await expect(sending).rejects.toThrow('enough');
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});
