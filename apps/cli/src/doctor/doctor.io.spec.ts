import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ControlApi } from '../api/control-api.js';
import { readConfiguration } from '../configuration/read-configuration.js';
import { homeAt } from '../home.js';
import { type Finding, runCheck } from './check.js';
import { budgetCheck, configChecks, offloadCheck, providerChecks, tierCheck } from './configured.js';
import { installationChecks } from './installed.js';
import { machineChecks } from './machine.js';
import { parseSettings } from '../up/settings.js';

jest.setTimeout(30_000);

describe('the checks of purser doctor', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'purser-doctor-spec-'));
    await cp('config', join(folder, 'config'), { recursive: true });
  });

  afterEach(() => rm(folder, { recursive: true }));

  const config = async (name: string, env = {}) => {
    const configDir = join(folder, 'config');
    const check = configChecks(configDir, await readConfiguration(env, configDir)).find((one) => one.name === name);
    return check && runCheck(check);
  };

  it('finds the configuration that comes with Purser right, and a missing file too', async () => {
    for (const name of [
      'environment',
      'alerts.json',
      'budgets.json',
      'labels.json',
      'models.json',
      'plugins.json',
      'prices.json',
      'emergency.json',
      'components.json',
      'compute-prices.json',
    ]) {
      expect(await config(name)).toMatchObject({ name, state: 'ok' });
    }
    await rm(join(folder, 'config', 'models.json'));
    expect(await config('models.json')).toMatchObject({
      state: 'ok',
      what: expect.stringContaining('defaults') as string,
    });
  });

  it('fails what a start would refuse, with the same words', async () => {
    await writeFile(join(folder, 'config', 'budgets.json'), '{"budgets":[{"id":"a","period":"year","limitUsd":"1"}]}');
    expect(await config('budgets.json')).toMatchObject({
      state: 'fail',
      what: expect.stringMatching(/budgets\.0\.period: "day", "week"/) as string,
    });
    expect(await config('environment', { PURSER_LEASE_MS: 'soon' })).toMatchObject({
      state: 'fail',
      what: expect.stringContaining('PURSER_LEASE_MS') as string,
    });
  });

  it('warns where no budget limits paid calls', async () => {
    expect(await runCheck(budgetCheck(join(folder, 'config'), undefined))).toMatchObject({ state: 'ok' });
    expect(await runCheck(budgetCheck(join(folder, 'nowhere'), undefined))).toMatchObject({
      state: 'warn',
      what: expect.stringContaining('no limit') as string,
      remedy: expect.stringContaining('purser budget set') as string,
    });
    const capped = budgetCheck(join(folder, 'nowhere'), undefined, { DAILY_SPEND_CAP: '5' });
    expect(await runCheck(capped)).toMatchObject({ state: 'ok', what: 'DAILY_SPEND_CAP is 5' });
  });

  it('warns of tiers that no call reaches', async () => {
    expect(await runCheck(tierCheck(join(folder, 'config')))).toMatchObject({ state: 'ok' });
    const price = { inputPerMillionUsd: '1', outputPerMillionUsd: '2' };
    const chat = {
      tier_1_paid: { provider: 'opnai', model: 'm', price },
      tier_2_paid: { provider: 'openai', model: 'unheard-of' },
    };
    await writeFile(join(folder, 'config', 'models.json'), JSON.stringify({ chat }));
    expect(await runCheck(tierCheck(join(folder, 'config')))).toMatchObject({
      state: 'warn',
      what: expect.stringMatching(
        /chat\.tier_1_paid: there is no provider "opnai".*openai, anthropic.*\n.*chat\.tier_2_paid: openai\/unheard-of has no price/,
      ) as string,
    });
  });

  const offloading = (env: Record<string, string> = {}) =>
    runCheck(offloadCheck(join(folder, 'config'), undefined, env, new AbortController().signal));
  const use = (...plugins: object[]) => writeFile(join(folder, 'config', 'plugins.json'), JSON.stringify({ plugins }));

  it('says that offloading is off and how to turn it on, which is nothing to be warned of', async () => {
    expect(await offloading()).toMatchObject({
      state: 'ok',
      what: expect.stringMatching(/offloading is off.*@purser\/docker-compute.*docs\/guides\/compute\.md/) as string,
    });
    expect(await offloading({ HYBRID_ORCHESTRATION_ENABLED: 'false' })).toMatchObject({
      state: 'ok',
      what: 'off: HYBRID_ORCHESTRATION_ENABLED is false',
    });
  });

  it.each<[string, object[], Record<string, string>, RegExp]>([
    ['no project', [{ use: '@purser/gcp-compute' }], {}, /GCP_PROJECT_ID is not set/],
    ['no driver of the project', [], { GCP_PROJECT_ID: 'demo-1' }, /"@purser\/gcp-compute"} to plugins\.json/],
    ['no way to the bus', [{ use: '@purser/gcp-compute' }], { GCP_PROJECT_ID: 'demo-1' }, /PURSER_PUBLIC_NATS_URL/],
    [
      'no credentials',
      [{ use: '@purser/gcp-compute' }],
      {
        GCP_PROJECT_ID: 'demo-1',
        PURSER_PUBLIC_NATS_URL: 'tls://nats.example.com:4222',
        PURSER_VM_AGENT_IMAGE: 'registry.example.com/purser:1',
        GOOGLE_APPLICATION_CREDENTIALS: '/nowhere/key.json',
      },
      /GOOGLE_APPLICATION_CREDENTIALS names cannot be read/,
    ],
    ['no Docker', [{ use: '@purser/docker-compute' }], { DOCKER_HOST: 'unix:///nowhere.sock' }, /nowhere\.sock/],
  ])('warns where VMs are wanted and there is %s, with what would mend it', async (_what, plugins, env, said) => {
    await use(...plugins);
    expect(await offloading(env)).toMatchObject({ state: 'warn', what: expect.stringMatching(said) as string });
  });

  it('warns of offloading whose manager does not answer, and of what is optional and takes too long', async () => {
    const api = { call: () => Promise.reject(new Error('no offload-manager answers')) } as unknown as ControlApi;
    const dead = offloadCheck(join(folder, 'config'), api, {}, new AbortController().signal);
    expect(await runCheck(dead)).toMatchObject({ state: 'warn', what: 'no offload-manager answers' });
    const never = () => new Promise<Finding>(() => undefined);
    const slow = { name: 'slow', look: never, withinMs: 1 };
    expect((await runCheck({ ...slow, optional: true })).state).toBe('warn');
    expect((await runCheck(slow)).state).toBe('fail');
  });

  it('fails an admin key that others can read', async () => {
    const home = homeAt(join(folder, 'home'));
    await mkdir(home.root);
    await writeFile(home.adminKey, 'pk_x\n');
    const check = installationChecks({
      env: {},
      home,
      settings: parseSettings({}),
      runningPid: undefined,
      signal: new AbortController().signal,
    }).find(({ name }) => name === 'admin key');
    await chmod(home.adminKey, 0o644);
    expect(check && (await runCheck(check))).toMatchObject({
      state: 'fail',
      remedy: expect.stringContaining('chmod 600') as string,
    });
    await chmod(home.adminKey, 0o600);
    expect(check && (await runCheck(check))).toMatchObject({ state: 'ok' });
  });

  it('warns where no provider is set up, and says which variables set one up', async () => {
    const [check] = providerChecks({ OLLAMA_HOST: '127.0.0.1:1' }, undefined);
    expect(check && (await runCheck(check))).toMatchObject({
      state: 'warn',
      remedy: expect.stringMatching(/OPENAI_API_KEY.*ANTHROPIC_API_KEY.*OLLAMA_HOST/) as string,
    });
    for (const name of ['OPENAI_API_KEY', 'ANTHROPIC_API_KEY']) {
      const [found] = providerChecks({ OLLAMA_HOST: '127.0.0.1:1', [name]: 'sk' }, undefined);
      expect(found && (await runCheck(found))).toMatchObject({
        state: 'ok',
        what: expect.stringContaining(name) as string,
      });
    }
  });

  it('takes an absent Docker for a warning, and a check that hangs for a failure', async () => {
    const docker = machineChecks(folder, { DOCKER_HOST: `unix://${folder}/none.sock` }).find(
      ({ name }) => name === 'Docker',
    );
    expect(docker && (await runCheck(docker))).toMatchObject({ state: 'warn' });
    const hanging = { name: 'hangs', look: () => new Promise<never>(() => undefined), withinMs: 20 };
    expect(await runCheck(hanging)).toMatchObject({ state: 'fail', what: 'no answer within 0.02 s' });
  });
});
