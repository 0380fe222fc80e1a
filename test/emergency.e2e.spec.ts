import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { listProcesses } from '@purser/embedded';
import { eventually, type OwnPostgres, startOwnPostgres } from '@purser/testing';
import { SeverableLink } from './severable-link.js';
import { type Name, System } from './system.js';

jest.setTimeout(180_000);

/** Does not heed SIGTERM, and neither does what it started in another session. */
const CLAN = `trap '' TERM; (setsid sh -c "trap '' TERM; : grandchild-of-the-clan; while :; do sleep 0.1; done" &)
  : child-of-the-clan; echo ready; while :; do sleep 0.1; done`;
const SERVICES: Name[] = ['cost-watchdog', 'model-gateway', 'orchestrator', 'offload-manager', 'agent-runner'];

describe('an emergency', () => {
  let postgres: OwnPostgres;
  let system: System;

  beforeAll(async () => {
    postgres = await startOwnPostgres({ durable: true });
    system = await System.start({ databaseUrl: postgres.url, env: { PURSER_GRACE_MS: '500' } });
  });

  afterAll(async () => {
    await system?.stop();
    await postgres?.remove();
  });

  const decide = async (what: 'trigger' | 'reset', reason: string) => {
    const { status, body } = await system.api('POST', `/v1/emergency/${what}`, { by: 'ada', reason });
    expect({ status, body }).toMatchObject({ status: 200 });
  };
  const emergency = async () => {
    const { body } = await system.api<{ latch: { active: boolean; serial: number } }>('GET', '/v1/emergency');
    return body.latch;
  };
  const ask = { model: 'demo-small', max_tokens: 5, messages: [{ role: 'user', content: 'hello' }] };
  const answered = async (port: number) => {
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await system.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(ask),
      signal: AbortSignal.timeout(10_000),
    });
    await response.text();
    return response.status;
  };
  const alive = async (mark: string) =>
    (await listProcesses()).filter(({ command }) => command.startsWith('sh -c') && command.includes(mark)).length;
  const submit = async (id: string, script: string) => {
    await system.api('POST', '/v1/tasks', { id, executor: 'command', input: { argv: ['sh', '-c', script] } });
  };

  it('ends an agent with its grandchild that called setsid', async () => {
    await submit('clan', CLAN);
    await eventually(async () => expect(await alive('grandchild-of-the-clan')).toBeGreaterThan(0), {
      timeoutMs: 20_000,
    });
    await decide('trigger', 'the clan');
    await eventually(async () => expect(await alive('of-the-clan')).toBe(0), { timeoutMs: 10_000 });
    await system.api('POST', '/v1/tasks/clan/cancel');
    await decide('reset', 'over');
  });

  it('outlives a kill of every service, of NATS and of Postgres', async () => {
    await decide('trigger', 'everything dies');
    const { serial } = await emergency();
    await Promise.all([...SERVICES.map((name) => system.instance(name).kill()), system.nats.kill(), postgres.kill()]);
    await Promise.all([system.nats.restart(), postgres.start()]);
    await system.instance('cost-watchdog').start();
    await Promise.all(SERVICES.slice(1).map((name) => system.instance(name).start()));
    expect(await emergency()).toMatchObject({ active: true, serial });
    expect(await answered(system.instance('model-gateway').port)).toBe(403);
    await submit('waits', 'true');
    const { body } = await system.api('GET', '/v1/tasks/waits');
    expect(body).toMatchObject({ state: 'ready', sessions: [] });
    await decide('reset', 'all is back');
    await system.taskIn('waits', 'completed');
    await eventually(async () => expect(await answered(system.instance('model-gateway').port)).toBe(200));
  });

  it('is obeyed by services that were cut off when it was broadcast, once they are back', async () => {
    const link = await SeverableLink.to(system.nats.port);
    try {
      const through = { PURSER_NATS_URL: link.through(system.nats.url) };
      const gateway = await system.launch('model-gateway', 'far-gateway', through);
      await system.instance('agent-runner').stop();
      await system.launch('agent-runner', 'far-runner', through);
      await eventually(async () => expect(await answered(gateway.port)).toBe(200));
      await submit('far', `: far-away; trap '' TERM; while :; do sleep 0.1; done`);
      await eventually(async () => expect(await alive('far-away')).toBeGreaterThan(0), { timeoutMs: 20_000 });
      link.sever();
      await decide('trigger', 'while some are away');
      // It has not heard: cut off, it goes on.
      expect(await answered(gateway.port)).toBe(200);
      expect(await alive('far-away')).toBeGreaterThan(0);
      link.mend();
      await eventually(async () => expect(await answered(gateway.port)).toBe(403), { timeoutMs: 10_000 });
      await eventually(async () => expect(await alive('far-away')).toBe(0), { timeoutMs: 10_000 });
      await eventually(async () => {
        const { body } = await system.api<{ acknowledgements: { instance: string }[] }>('GET', '/v1/emergency');
        expect(body.acknowledgements.map(({ instance }) => instance)).toContain('far-runner');
      });
      await system.api('POST', '/v1/tasks/far/cancel');
      await decide('reset', 'over');
      await system.instance('far-runner').stop();
      await gateway.stop();
    } finally {
      await link.close();
    }
  });

  it('stops a program by name, and reports it on disk', async () => {
    const name = `purser-e2e-${process.pid}.sh`;
    const config = { processes: { stop: [name], graceSeconds: 1 }, acknowledgeSeconds: 2 };
    await writeFile(join(system.folder, 'config', 'emergency.json'), JSON.stringify(config));
    await system.instance('cost-watchdog').stop();
    await system.instance('cost-watchdog').start();
    await mkdir(join(system.folder, 'programs'));
    const script = join(system.folder, 'programs', name);
    await writeFile(script, 'while :; do sleep 0.1; done\n');
    await promisify(execFile)('sh', ['-c', `setsid sh ${script} > /dev/null 2>&1 &`]);
    const runs = async () => (await listProcesses()).filter(({ command }) => command === `sh ${script}`).length;
    await eventually(async () => expect(await runs()).toBe(1));
    await decide('trigger', 'a program');
    await eventually(async () => expect(await runs()).toBe(0), { timeoutMs: 20_000 });
    const folder = join(system.folder, 'home', 'reports');
    await eventually(async () => {
      const newest =
        (await readdir(folder))
          .filter((file) => file.endsWith('.json'))
          .sort()
          .at(-1) ?? '';
      const { targets } = JSON.parse(await readFile(join(folder, newest), 'utf8')) as { targets: object[] };
      expect(targets).toMatchObject([{ kind: 'process', name, fate: 'stopped' }]);
    });
    await decide('reset', 'over');
  });
});
