import { eventually, type OwnPostgres, startOwnPostgres } from '@purser/testing';
import { countingAgent, tickingAgent } from './agents.js';
import { System, type TaskSeen } from './system.js';

jest.setTimeout(180_000);

const LEASE_MS = 8_000;

const nano = (usd: string): bigint => {
  const [whole = '0', fraction = ''] = usd.split('.');
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
};

/** Everything dies once; the work is still done once, and the ledger never knows less than the model server billed. */
describe('faults', () => {
  let postgres: OwnPostgres;
  let system: System;

  beforeAll(async () => {
    postgres = await startOwnPostgres({ durable: true });
    system = await System.start({
      databaseUrl: postgres.url,
      budgets: { budgets: [{ id: 'monthly', period: 'month', limitUsd: '20' }] },
      env: { DAILY_SPEND_CAP: '15' },
    });
  });

  afterAll(async () => {
    await system?.stop();
    await postgres?.remove();
  });

  const ledgerTotal = async (): Promise<bigint> => {
    const { body } = await system.api<{ monthUsd: string }>('GET', '/v1/costs');
    return nano(body.monthUsd);
  };

  const ledgerCoversTheBill = () =>
    eventually(
      async () => {
        const { billedNano } = (await system.models.read()).counters;
        expect(await ledgerTotal()).toBeGreaterThanOrEqual(billedNano);
      },
      { timeoutMs: 20_000, everyMs: 200 },
    );

  /** What the heartbeat budget has of the day is all that the ledger has of it, whatever died meanwhile. */
  const theDayIsKnown = () =>
    eventually(async () => {
      const { body } = await system.api<{ todayUsd: string }>('GET', '/v1/costs');
      const health = (await (await fetch(`${system.url('cost-watchdog')}/health`)).json()) as Record<string, unknown>;
      expect(health).toMatchObject({ daily_spend: Number(body.todayUsd), daily_cap: 15 });
      expect(health.daily_spend).toBeGreaterThan(0);
    });

  const submitCounting = (id: string, units = 12) =>
    system.api('POST', '/v1/tasks', { id, executor: 'command', input: { argv: countingAgent(units) }, budgetUsd: '5' });

  const unitsDone = async (id: string): Promise<number> => {
    const { status, body } = await system.api<{ state: { done: unknown[] } }>('GET', `/v1/tasks/${id}/checkpoint`);
    return status === 200 ? body.state.done.length : 0;
  };

  const slowModel = (latencyMs: number) => system.models.script({ latencyMs });

  afterEach(() => system.models.clearScript());

  async function completedOnce(id: string, units = 12): Promise<TaskSeen> {
    const task = await system.taskIn(id, 'completed', 60_000);
    expect(task.result).toMatchObject({ units, numbers: Array.from({ length: units }, (_, index) => index + 1) });
    expect(task.sessions.filter((session) => session.outcome === 'completed')).toHaveLength(1);
    await ledgerCoversTheBill();
    return task;
  }

  it('runs a task elsewhere within lease + 2 s when its runner is killed', async () => {
    const second = await system.launch('agent-runner', 'second-runner');
    await system.api('POST', '/v1/tasks', { id: 'orphan', executor: 'command', input: { argv: tickingAgent(120) } });
    const before = await system.taskIn('orphan', 'running');
    await eventually(async () => expect((await system.api('GET', '/v1/tasks/orphan/checkpoint')).status).toBe(200));
    const victim = before.sessions[0]?.runner === 'second-runner' ? second : system.instance('agent-runner');
    const killedAt = Date.now();
    await victim.kill();
    const revived = await eventually(
      async () => {
        const { body } = await system.api<TaskSeen>('GET', '/v1/tasks/orphan');
        if (body.epoch < 2 || body.state !== 'running') throw new Error(`still ${body.state} in epoch ${body.epoch}`);
        return body;
      },
      { timeoutMs: 30_000, everyMs: 100 },
    );
    const secondSession = revived.sessions.find((session) => session.epoch === 2);
    expect(new Date(secondSession?.startedAt ?? 0).getTime() - killedAt).toBeLessThanOrEqual(LEASE_MS + 2_000);
    expect(revived.sessions.find((session) => session.epoch === 1)?.outcome).toBe('lost');
    await system.taskIn('orphan', 'completed', 40_000);
    if (!victim.running) await victim.start();
    await second.stop();
  });

  it('goes on when the orchestrator is killed in the middle of a session', async () => {
    await slowModel(150);
    await submitCounting('orchestrator-dies');
    await eventually(async () => expect(await unitsDone('orchestrator-dies')).toBeGreaterThan(1));
    await system.instance('orchestrator').kill();
    await system.instance('orchestrator').start();
    await completedOnce('orchestrator-dies');
  });

  it('charges what was in flight when the gateway is killed in the middle of a call', async () => {
    await slowModel(1_500);
    await submitCounting('gateway-dies', 4);
    await eventually(async () => expect((await system.models.read()).counters).toMatchObject({ running: 1 }), {
      timeoutMs: 20_000,
    });
    await system.instance('model-gateway').kill();
    await system.models.clearScript();
    await system.instance('model-gateway').start();
    await completedOnce('gateway-dies', 4);
    const { body } = await system.api<{ entries: { finality: string; outcome: string }[] }>(
      'GET',
      '/v1/ledger?task=gateway-dies',
    );
    expect(body.entries).toContainEqual(expect.objectContaining({ finality: 'presumed', outcome: 'unknown' }));
  });

  it('goes on when NATS is killed and comes back', async () => {
    await slowModel(150);
    await submitCounting('nats-restarts');
    await eventually(async () => expect(await unitsDone('nats-restarts')).toBeGreaterThan(1));
    await system.nats.kill();
    await system.nats.restart();
    await completedOnce('nats-restarts');
  });

  it('goes on when Postgres is killed and comes back', async () => {
    await slowModel(150);
    await submitCounting('postgres-restarts');
    await eventually(async () => expect(await unitsDone('postgres-restarts')).toBeGreaterThan(1));
    await postgres.kill();
    await postgres.start();
    await completedOnce('postgres-restarts');
  });

  it('goes on when the watchdog is killed; paid calls stop at what was leased', async () => {
    await slowModel(150);
    await submitCounting('watchdog-dies');
    await eventually(async () => expect(await unitsDone('watchdog-dies')).toBeGreaterThan(1));
    await system.instance('cost-watchdog').kill();
    await system.instance('cost-watchdog').start();
    await completedOnce('watchdog-dies');
    await theDayIsKnown();
  });

  it('closes every service in order on SIGTERM with exit code 0', async () => {
    for (const name of ['agent-runner', 'model-gateway', 'orchestrator', 'offload-manager', 'cost-watchdog']) {
      expect(await system.instance(name).stop()).toBe(0);
    }
  });
});
