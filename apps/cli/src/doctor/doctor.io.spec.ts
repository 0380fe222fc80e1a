import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadBudgetsFile } from '@purser/cost-watchdog/budgets-file';
import { homeAt } from '../home.js';
import { runCheck } from './check.js';
import { configChecks, providerChecks } from './configured.js';
import { installationChecks } from './installed.js';
import { machineChecks } from './machine.js';
import { readSettings } from '../up/settings.js';

describe('the checks of purser doctor', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'purser-doctor-spec-'));
    await cp('config', join(folder, 'config'), { recursive: true });
  });

  afterEach(() => rm(folder, { recursive: true }));

  const config = async (name: string) => {
    const check = configChecks(join(folder, 'config')).find((one) => one.name === name);
    return check && runCheck(check);
  };
  const write = (name: string, text: string) => writeFile(join(folder, 'config', name), text);

  it('finds the configuration that comes with Purser right, and a missing file too', async () => {
    for (const name of ['budgets.json', 'models.json', 'plugins.json']) {
      expect(await config(name)).toMatchObject({ name, state: 'ok' });
    }
    await rm(join(folder, 'config', 'models.json'));
    expect(await config('models.json')).toMatchObject({
      state: 'ok',
      what: expect.stringContaining('defaults') as string,
    });
  });

  it('takes the simple shape of budgets, and names the field that is wrong in ours', async () => {
    await write('budgets.json', '{"monthly_budget":{"total":100,"openai":50},"fallback_enabled":true}');
    expect(await config('budgets.json')).toMatchObject({ state: 'ok' });
    await write('budgets.json', '{"budgets":[{"id":"a","period":"year","limitUsd":"1"}]}');
    expect(await config('budgets.json')).toMatchObject({
      state: 'fail',
      what: expect.stringContaining('budgets.0.period: "day", "week", "month", "total", or rolling') as string,
    });
  });

  it('says of budgets what the cost-watchdog says, also what no schema can tell', async () => {
    for (const budget of [
      { period: 'day', limitUsd: '-1' },
      { period: 'day', limitUsd: '1', thresholds: { warning: 0.95 } },
      { id: 'task-nightly', period: 'total', limitUsd: '1' },
      { period: 'day', limitUsd: '1', timezone: 'Berlin' },
    ]) {
      await write('budgets.json', JSON.stringify({ budgets: [{ id: 'a', ...budget }] }));
      const told = await loadBudgetsFile(join(folder, 'config')).catch((error: Error) => error.message);
      expect(told).toMatch(/budgets\.0/);
      expect(await config('budgets.json')).toMatchObject({ state: 'fail', what: told });
    }
  });

  it('tells what is no JSON', async () => {
    await write('plugins.json', '[1,');
    expect(await config('plugins.json')).toMatchObject({
      state: 'fail',
      what: expect.stringContaining('not JSON') as string,
    });
  });

  it('fails an admin key that others can read', async () => {
    const home = homeAt(join(folder, 'home'));
    await mkdir(home.root);
    await writeFile(home.adminKey, 'pk_x\n');
    const check = installationChecks({
      env: {},
      home,
      configDir: folder,
      settings: readSettings({}),
      runningPid: undefined,
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
      remedy: expect.stringMatching(/OPENAI_API_KEY.*OLLAMA_HOST/) as string,
    });
    const [found] = providerChecks({ OLLAMA_HOST: '127.0.0.1:1', OPENAI_API_KEY: 'sk' }, undefined);
    expect(found && (await runCheck(found))).toMatchObject({ state: 'ok' });
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
