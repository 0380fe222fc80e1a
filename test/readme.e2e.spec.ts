import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type Launched, launchPurser, type ModelServerProcess, spawnModelServer } from '@purser/testing';

const run = promisify(execFile);
jest.setTimeout(180_000);

/** The README's blocks that are marked as tested, as a reader would paste them, with this run's ports and folder. */
describe('the README', () => {
  let provider: ModelServerProcess;
  let purser: Launched;
  const inEarnest = {
    PURSER_NATS_URL: 'nats://127.0.0.1:9',
    PURSER_DATABASE_URL: 'postgres://127.0.0.1:9/in-earnest',
    PURSER_API_URL: 'http://127.0.0.1:9',
    PURSER_ADMIN_KEY: 'in-earnest',
    OLLAMA_HOST: 'http://127.0.0.1:9',
  };
  const before: NodeJS.ProcessEnv = {};

  beforeAll(async () => {
    // As somebody has it who uses Purser in earnest: their servers are none of a test's business.
    for (const name of Object.keys(inEarnest)) before[name] = process.env[name];
    Object.assign(process.env, inEarnest);
    const price = { inputPerMillionUsd: '10', outputPerMillionUsd: '30' };
    provider = await spawnModelServer({ models: { 'demo-large': price } });
    purser = await launchPurser({
      bin: 'apps/cli/bin/purser.mjs',
      openaiBaseUrl: provider.openaiBaseUrl,
      models: {
        code_generation: { tier_1_paid: { provider: 'openai', model: 'demo-large', price, maxOutputTokens: 4096 } },
      },
      budgets: { budgets: [{ id: 'monthly', period: 'month', limitUsd: '20' }] },
    });
  });

  afterAll(async () => {
    await purser?.stop();
    await provider?.stop();
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  it('shows what works', async () => {
    const readme = await readFile('README.md', 'utf8');
    const blocks = [...readme.matchAll(/<!-- tested -->\s+```sh\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
    expect(blocks.length).toBeGreaterThanOrEqual(4);
    const outputs: string[] = [];
    for (const block of blocks) {
      const script = block
        .replaceAll('127.0.0.1:8080', `127.0.0.1:${purser.ports.PURSER_GATEWAY_PORT}`)
        .replaceAll('127.0.0.1:8081', `127.0.0.1:${purser.ports.PURSER_API_PORT}`)
        .replaceAll('.purser/', `${purser.home}/`);
      const env = {
        ...purser.env,
        PURSER_GATEWAY_URL: `${purser.gatewayUrl}/v1`,
        PURSER_KEY: purser.adminKey,
        NATS_URL: purser.natsUrl,
        PURSER_API_URL: purser.apiUrl,
      };
      const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], { env, timeout: 60_000 });
      outputs.push(stdout);
    }
    const [client, , tasks, alerts] = outputs;
    expect(client).toContain('"object":"chat.completion"');
    expect(client).toContain('-- demo-large for $');
    expect(tasks).toContain('hello-2');
    expect(tasks).toContain('completed');
    expect(alerts).toMatch(/dev\.purser\.(alert\.critical|emergency\.shutdown)/);
    const published = await fetch(`${purser.apiUrl}/v1/tasks/hello-1`, {
      headers: { authorization: `Bearer ${purser.adminKey}` },
    });
    expect(published.status).toBe(200);
  });
});
