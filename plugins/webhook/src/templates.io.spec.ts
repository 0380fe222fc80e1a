import { notifierChecks } from '@purser/plugin-sdk/testing';
import { LONG, notifier, Receiver, send } from './receiver.fixture.js';

let receiver: Receiver;
beforeEach(async () => {
  receiver = await Receiver.open();
});
afterEach(() => receiver.close());

describe.each(['slack', 'discord', 'ntfy', 'pagerduty'])('conformance of %s', (template) => {
  const config = { template, urlEnv: 'HOOK_URL', tokenEnv: 'HOOK_TOKEN' };
  const env = { HOOK_TOKEN: 'very-secret-token' };
  const checks = notifierChecks({
    create: () => notifier(config, { ...env, HOOK_URL: `${receiver.url}/hidden-path` }),
    unreachable: () => notifier(config, { ...env, HOOK_URL: 'http://127.0.0.1:1/hidden-path' }),
    refused: () => {
      receiver.answers = [401, `not with very-secret-token`];
      return notifier(config, { ...env, HOOK_URL: `${receiver.url}/hidden-path` });
    },
    secrets: ['very-secret-token', 'hidden-path'],
  });
  for (const { name, run } of checks) it(name, run);
});

describe('Slack', () => {
  interface Slack {
    text: string;
    blocks: { type: string; text?: { type: string; text: string }; elements?: { text: string }[] }[];
  }
  const env = () => ({ SLACK_WEBHOOK_URL: `${receiver.url}/services/T0/B0/x` });
  const config = { template: 'slack', urlEnv: 'SLACK_WEBHOOK_URL' };

  it('gets blocks, and a text for where there are none', async () => {
    await send(config, {}, env());
    expect(receiver.last.path).toBe('/services/T0/B0/x');
    expect(receiver.last.headers['webhook-signature']).toBeUndefined();
    const { text, blocks } = receiver.json<Slack>();
    expect(text).toBe(':rotating_light: Budget daily passed its critical threshold: $4.50 of $5.00');
    expect(blocks.map(({ type }) => type)).toEqual(['header', 'section', 'context']);
    expect(blocks[1]?.text).toMatchObject({ type: 'mrkdwn', text: 'Two lines\nof text' });
    expect(notifier(config, env()).single).toBe(false);
  });

  it('gets no more than it takes, and nothing that it would read as its own', async () => {
    await send(config, LONG, env());
    const { text, blocks } = receiver.json<Slack>();
    expect(text.length).toBeLessThanOrEqual(4_000);
    expect(blocks[0]?.text?.text.length).toBeLessThanOrEqual(150);
    expect(blocks[1]?.text?.text.length).toBeLessThanOrEqual(3_000);
    expect(blocks[2]?.elements?.[0]?.text.length).toBeLessThanOrEqual(2_000);
    expect(blocks[1]?.text?.text.startsWith('&lt;!channel&gt; @everyone')).toBe(true);
    // Every & begins one of the three entities, whole.
    expect(`${text}${blocks[1]?.text?.text}`.replaceAll(/&(amp|lt|gt);/g, '')).not.toMatch(/[&<>]/);
  });
});

describe('Discord', () => {
  interface Discord {
    embeds: { title: string; description: string; color: number; fields: object[]; footer: { text: string } }[];
    allowed_mentions: object;
  }
  const config = () => ({ template: 'discord', url: `${receiver.url}/api/webhooks/1/x` });

  it('gets one embed', async () => {
    await send(config(), { state: 'resolved' });
    expect(receiver.json<Discord>()).toMatchObject({
      allowed_mentions: { parse: [] },
      embeds: [
        {
          title: 'Budget daily passed its critical threshold: $4.50 of $5.00',
          description: 'Two lines\nof text',
          color: 0x16a34a,
          timestamp: '2026-11-23T10:00:00.000Z',
          footer: { text: 'budget/daily/7/critical' },
        },
      ],
    });
  });

  it('gets no more than it takes', async () => {
    await send(config(), LONG);
    const [embed] = receiver.json<Discord>().embeds;
    expect(embed?.title.length).toBeLessThanOrEqual(256);
    expect(embed?.description.length).toBeLessThanOrEqual(4_096);
    expect(embed?.footer.text.length).toBeLessThanOrEqual(2_048);
    const all = JSON.stringify([embed?.fields, embed?.title, embed?.description, embed?.footer]);
    expect(all.length).toBeLessThanOrEqual(6_000 + all.split('\\n').length);
    // Half a character would be refused.
    expect(embed?.title).not.toMatch(/\p{Surrogate}/u);
    expect(embed?.description).not.toMatch(/\p{Surrogate}/u);
  });
});

describe('ntfy', () => {
  it('gets JSON at its root, under the topic of the URL', async () => {
    const config = { template: 'ntfy', url: `${receiver.url}/my-topic`, tokenEnv: 'NTFY_TOKEN' };
    await send(config, {}, { NTFY_TOKEN: 'tk_secret' });
    expect(receiver.last).toMatchObject({ path: '/', headers: { authorization: 'Bearer tk_secret' } });
    expect(receiver.json()).toEqual({
      topic: 'my-topic',
      title: 'Budget daily passed its critical threshold: $4.50 of $5.00',
      message: 'Two lines\nof text',
      priority: 5,
      tags: ['rotating_light', 'budget_critical'],
    });
    await send({ ...config, url: `${receiver.url}/behind/a/proxy/my%20topic` }, LONG, { NTFY_TOKEN: 'tk_secret' });
    expect(receiver.last.path).toBe('/behind/a/proxy');
    const { topic, message } = receiver.json<{ topic: string; message: string }>();
    expect(topic).toBe('my topic');
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(4_096);
    await expect(send({ ...config, url: receiver.url }, {}, { NTFY_TOKEN: 'x' })).rejects.toThrow(
      'ends with the topic',
    );
  });
});

describe('PagerDuty', () => {
  const config = () => ({ template: 'pagerduty', url: `${receiver.url}/v2/enqueue`, tokenEnv: 'PAGERDUTY_KEY' });
  const env = { PAGERDUTY_KEY: 'R0123456789' };

  it('opens an incident by the fingerprint and resolves the same one', async () => {
    receiver.answers = [202, '{"status":"success"}'];
    await send(config(), {}, env);
    expect(receiver.json()).toMatchObject({
      routing_key: 'R0123456789',
      event_action: 'trigger',
      dedup_key: 'budget/daily/7/critical',
      payload: {
        summary: 'Budget daily passed its critical threshold: $4.50 of $5.00',
        severity: 'critical',
        timestamp: '2026-11-23T10:00:00.000Z',
        class: 'budget_critical',
        custom_details: { details: { budgetId: 'daily' } },
      },
    });
    await send(config(), { state: 'resolved' }, env);
    expect(receiver.json()).toEqual({
      routing_key: 'R0123456789',
      event_action: 'resolve',
      dedup_key: 'budget/daily/7/critical',
    });
    expect(notifier(config(), env)).toMatchObject({ single: true, reports: false });
  });

  it('leaves no incident open after a test', async () => {
    await send(config(), { state: 'test' }, env);
    const actions = receiver.requests.map(({ body }) => (JSON.parse(body) as { event_action: string }).event_action);
    expect(actions).toEqual(['trigger', 'resolve']);
  });

  it('gets no more than it takes, and keeps long fingerprints apart', async () => {
    await send(config(), LONG, env);
    const first = receiver.json<{ dedup_key: string; payload: { summary: string } }>();
    expect(first.dedup_key).toHaveLength(255);
    expect(first.payload.summary.length).toBeLessThanOrEqual(1_024);
    expect(Buffer.byteLength(receiver.last.body)).toBeLessThanOrEqual(512 * 1_024);
    await send(config(), { ...LONG, fingerprint: `${LONG.fingerprint}!` }, env);
    expect(receiver.json<{ dedup_key: string }>().dedup_key).not.toBe(first.dedup_key);
  });

  it('does not show its key', async () => {
    receiver.answers = [400, 'bad routing_key R0123456789'];
    await expect(send(config(), {}, env)).rejects.toThrow('answered 400: bad routing_key [secret]');
  });
});
