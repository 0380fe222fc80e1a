import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfiguration, requireConfiguration } from './read-configuration.js';

jest.setTimeout(30_000);

describe('the configuration before a start', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'purser-configuration-'));
  });

  afterEach(() => rm(folder, { recursive: true }));

  const write = (file: string, text: string) => writeFile(join(folder, file), text);
  const problems = async (env: Record<string, string> = {}) => (await readConfiguration(env, folder)).problems;
  const none = {
    environment: [],
    'alerts.json': [],
    'budgets.json': [],
    'labels.json': [],
    'models.json': [],
    'plugins.json': [],
    'prices.json': [],
    'emergency.json': [],
    'components.json': [],
    'compute-prices.json': [],
  };

  it('is right as it comes with Purser, and where there is none', async () => {
    expect(await readConfiguration({}, 'config')).toMatchObject({
      settings: { PURSER_API_PORT: 8081 },
      problems: none,
    });
    expect(await problems()).toEqual(none);
  });

  it('names every variable of every service that is wrong, each once, and what would be right', async () => {
    const env = {
      PURSER_API_PORT: 'eighty',
      PURSER_DATABASE_POOL: '0',
      PURSER_LEASE_MS: 'soon',
      PURSER_RUNNER_SLOTS: '900',
      PURSER_HOLD_WAIT_MS: '-1',
      PURSER_LOG_LEVEL: 'loud',
      OPENAI_API_KEY_FILE: join(folder, 'no-key'),
      ANTHROPIC_API_KEY_FILE: join(folder, 'none-either'),
    };
    const found = await readConfiguration(env, folder);
    expect(found.settings).toBeUndefined();
    const right: [string, RegExp][] = [
      ['OPENAI_API_KEY_FILE', /cannot be read/],
      ['ANTHROPIC_API_KEY_FILE', /cannot be read/],
      ['PURSER_API_PORT', /0 to 65535/],
      ['PURSER_DATABASE_POOL', /from 1 to 100/],
      ['PURSER_LEASE_MS', /milliseconds such as 8000/],
      ['PURSER_RUNNER_SLOTS', /from 1 to 100/],
      ['PURSER_HOLD_WAIT_MS', /from 0 to 600000/],
      ['PURSER_LOG_LEVEL', /trace, debug, info/],
    ];
    for (const [name, what] of right) {
      const lines = found.problems.environment.filter((line) => line.startsWith(`${name} `));
      expect([name, lines]).toEqual([name, [expect.stringMatching(what)]]);
    }
    expect(found.problems.environment).toHaveLength(right.length);
  });

  it('wants the configuration folder that is named to be there', async () => {
    const nowhere = join(folder, 'nowhere');
    const { problems: found } = await readConfiguration({ PURSER_CONFIG_DIR: nowhere }, nowhere);
    expect(found.environment).toEqual([expect.stringContaining(`there is no folder ${nowhere}`)]);
    await expect(requireConfiguration({ PURSER_CONFIG_DIR: nowhere }, nowhere)).rejects.toMatchObject({
      code: 'invalid_request',
    });
    expect((await readConfiguration({ PURSER_CONFIG_DIR: folder }, folder)).problems).toEqual(none);
    expect((await readConfiguration({}, nowhere)).problems).toEqual(none);
  });

  it('names the variables that want the same port', async () => {
    expect((await problems({ PURSER_API_PORT: '9', PURSER_NATS_PORT: '9' })).environment).toEqual([
      'PURSER_API_PORT and PURSER_NATS_PORT are both 9; each needs a port of its own',
    ]);
  });

  it('says what is right in budgets.json, for every field that is wrong', async () => {
    const daily = { period: 'day', limitUsd: '1' };
    await write(
      'budgets.json',
      JSON.stringify({ budgets: [{ id: 'a', period: 'year', limitUsd: 'x' }, daily, daily] }),
    );
    const { 'budgets.json': lines } = await problems();
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(/budgets\.json: budgets\.0\.period: "day", "week", "month", "total"/);
    expect(lines[1]).toMatch(/budgets\.json: budgets\.0\.limitUsd: .*dollars such as "1\.50"/);
    expect(lines[3]).toMatch(/budgets\.json: budgets\.2\.id: /);
  });

  it('reads alerts.json and what else people are told by as the watchdog does', async () => {
    await write('alerts.json', '{"quietHours": {"from": "late", "to": "07:00"}}');
    const { 'alerts.json': lines, environment } = await problems({
      ENABLE_EMAIL_ALERTS: 'maybe',
      ALERT_EMAIL: 'ops at example.org',
      SMTP_PORT: 'smtp',
    });
    expect(lines).toEqual([expect.stringMatching(/alerts\.json: quietHours\.from: a time of day such as "08:00"/)]);
    expect(environment).toEqual([
      expect.stringMatching(/^ENABLE_EMAIL_ALERTS is not valid: expected true or false/),
      expect.stringMatching(/^ALERT_EMAIL is not valid: expected an address such as ops@example\.org/),
      expect.stringMatching(/^SMTP_PORT is not valid: expected a port/),
    ]);
  });

  it('takes the simple shape of budgets', async () => {
    await write('budgets.json', '{"monthly_budget":{"total":100,"openai":50},"fallback_enabled":true}');
    expect(await problems()).toEqual(none);
  });

  it('reads models.json as the gateway does: also tiers that contradict themselves', async () => {
    const paid = { provider: 'openai', model: 'm', cost_per_1k_tokens: 0.01 };
    await write('models.json', JSON.stringify({ chat: { tier_2_free: paid, tier_3_free: paid } }));
    expect((await problems())['models.json']).toEqual([
      expect.stringMatching(/models\.json: chat\.tier_2_free: is called free but has a price; name it "tier_2_paid"/),
      expect.stringMatching(/models\.json: chat\.tier_3_free: /),
    ]);
  });

  it('reads prices.json as the gateway does', async () => {
    await write('prices.json', '{"openai/m": {"inputPerMillionUsd": "1", "source": "a list", "date": "2026-11-01"}}');
    expect((await problems())['prices.json'].join()).toMatch(/openai\/m: .*belong together/);
  });

  it('reads components.json and compute-prices.json as the offload-manager does', async () => {
    await write('components.json', JSON.stringify({ components: [{ name: 'embedder', port: 'nine' }, { name: '' }] }));
    await write('compute-prices.json', '{"source": "a list", "asOf": "yesterday"}');
    const { 'components.json': components, 'compute-prices.json': prices } = await problems();
    expect(components).toEqual([
      expect.stringMatching(/components\.json: components\.0\.port: /),
      expect.stringMatching(/components\.json: components\.1\.name: .*such as "embedder"/),
    ]);
    expect(prices).toEqual([expect.stringMatching(/compute-prices\.json: asOf: /)]);
    await write('components.json', '{"components": [');
    await write('compute-prices.json', '[');
    const broken = await problems();
    expect(broken['components.json']).toEqual([expect.stringMatching(/components\.json is not JSON/)]);
    expect(broken['compute-prices.json']).toEqual([expect.stringMatching(/compute-prices\.json: .*JSON/)]);
    await expect(requireConfiguration({}, folder)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('loads the plugins and checks the configuration of each', async () => {
    await write('plugins.json', '[1,');
    expect((await problems())['plugins.json']).toEqual([expect.stringContaining('not JSON')]);
    const plugins = [
      { use: '@purser/command', config: { inherit: ['PURSER_ADMIN_KEY'] } },
      { use: '@purser/nothing' },
      { use: './mine.mjs', name: 'mine' },
    ];
    await write('plugins.json', JSON.stringify({ plugins }));
    expect((await problems())['plugins.json']).toEqual([
      expect.stringMatching(/@purser\/command: its config: inherit\.0: variables that start with PURSER_/),
      expect.stringMatching(/@purser\/nothing: there is no package/),
      expect.stringMatching(/mine \(\.\/mine\.mjs\): there is no file/),
    ]);
  });

  it('is refused as a whole, with all that is wrong', async () => {
    await write('models.json', '{"chat":{"tier_1_paid":{"provider":"openai"}}}');
    await write('plugins.json', '{"plugins":[{"use":""}]}');
    const refused: unknown = await requireConfiguration({ PURSER_BIND: '', PURSER_GRACE_MS: 'x' }, folder).catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: 'invalid_request' });
    const { message } = refused as Error;
    expect(message).toMatch(/^3 things in the configuration are wrong; nothing was started\.\n/);
    expect(message).toMatch(/^PURSER_GRACE_MS .*\n.*chat\.tier_1_paid\.model: .*\n.*plugins\.0\.use: /ms);
  });
});
