import { type Ready, readyText } from './ready-text.js';

const terminal = { cwd: '/clone', style: (_: string, text: string) => text, typed: (text: string) => text };
const latch = { serial: 0, active: false, by: '', reason: '', at: '2026-11-23T10:00:00Z' };
const ready: Ready = {
  seconds: 3.14,
  gatewayUrl: 'http://127.0.0.1:8080',
  apiUrl: 'http://127.0.0.1:8081',
  natsUrl: 'nats://127.0.0.1:4222',
  toolsUrlFile: '/clone/.purser/nats.url',
  adminKeyFile: '/clone/.purser/admin.key',
  logFile: '/clone/.purser/logs/purser.log',
  postgresMovedTo: null,
  agentsMovedTo: null,
  providers: [
    { name: 'openai', available: false, reason: 'OPENAI_API_KEY is not set' },
    { name: 'ollama', available: true, reason: null },
  ],
  latch,
  unlimited: false,
};

describe('what a start prints', () => {
  it('begins with the ready line and says where everything is', () => {
    const text = readyText(ready, terminal);
    expect(text).toMatch(/^Purser is ready \(3\.1 s\)\n/);
    for (const said of [
      'http://127.0.0.1:8080/v1',
      'http://127.0.0.1:8081',
      'nats://127.0.0.1:4222',
      '.purser/nats.url',
      '.purser/admin.key',
      '.purser/logs/purser.log',
      'openai  not found: OPENAI_API_KEY is not set',
      'ollama  found',
    ])
      expect(text).toContain(said);
    expect(text).not.toContain('EMERGENCY');
    expect(text).not.toContain('budget');
    expect(text).not.toContain('Postgres data');
  });

  it('says that an emergency is on, who set it, and how it ends', () => {
    const text = readyText(
      { ...ready, latch: { ...latch, serial: 3, active: true, by: 'ada', reason: 'spike' } },
      terminal,
    );
    expect(text).toMatch(/^Purser is ready/);
    expect(text).toMatch(/EMERGENCY since .* set by ada: spike\n.*purser emergency reset/);
  });

  it('says that nothing limits paid calls, and how to set a limit', () => {
    const text = readyText({ ...ready, unlimited: true }, terminal);
    expect(text).toMatch(/^No budget is set, so paid calls have no limit\. Set one: purser budget set .*--limit/m);
    expect(readyText({ ...ready, unlimited: { unknown: 'no answer' } }, terminal)).toContain('budget is not known');
  });

  it('says where the data went when they could not stay, and what could not be asked', () => {
    const text = readyText(
      {
        ...ready,
        postgresMovedTo: '/var/lib/purser/x',
        agentsMovedTo: '/var/lib/purser/y',
        providers: { unknown: 'no answer' },
        latch: { unknown: 'no answer' },
      },
      terminal,
    );
    expect(text).toMatch(/^ +Postgres data +\/var\/lib\/purser\/x /m);
    expect(text).toMatch(/^ +Workspaces +\/var\/lib\/purser\/y /m);
    expect(text).toContain('not known: no answer');
    expect(text).toContain('emergency is not known: no answer');
  });
});
