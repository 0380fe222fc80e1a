import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listProcesses } from '@purser/embedded';
import { type OwnPostgres, startOwnPostgres } from '@purser/testing';
import { System } from '../system.js';
import { Random } from './random.js';
import { UnreliableLink } from './unreliable-link.js';
import { Witness } from './witness.js';

/** What the paid model may cost in a run; half of the work asks for it. */
export const BUDGET_USD = '2';

/** Two orchestrators, three runners, two gateways and a watchdog, on a bus and a Postgres that can be troubled. */
export class Scene {
  private constructor(
    readonly system: System,
    readonly postgres: OwnPostgres,
    readonly link: UnreliableLink,
    readonly witness: Witness,
    readonly random: Random,
    private readonly clockFile: string,
  ) {}

  static async set(random: Random): Promise<Scene> {
    const postgres = await startOwnPostgres({ durable: true });
    const links: UnreliableLink[] = [];
    const clockFile = join(import.meta.dirname, '..', '..', 'node_modules', '.cache', `stepped-clock-${process.pid}`);
    await writeFile(clockFile, '0');
    const system = await System.start({
      databaseUrl: postgres.url,
      budgets: { budgets: [{ id: 'all', period: 'total', limitUsd: BUDGET_USD }] },
      busThrough: async (url) => {
        const link = await UnreliableLink.to(url, random);
        links.push(link);
        return link.url;
      },
      env: {
        NODE_OPTIONS: `--import ${join(import.meta.dirname, 'stepped-clock.mjs')}`,
        PURSER_TEST_CLOCK_FILE: clockFile,
      },
    });
    const [link] = links;
    if (!link) throw new Error('the system did not ask for its way to the bus');
    await system.launch('orchestrator', 'orchestrator-2');
    await system.launch('agent-runner', 'runner-2');
    await system.launch('agent-runner', 'runner-3');
    await system.launch('model-gateway', 'gateway-2');
    const witness = await Witness.of(postgres.url, system.nats.url);
    return new Scene(system, postgres, link, witness, random, clockFile);
  }

  of(name: 'orchestrator' | 'agent-runner' | 'model-gateway' | 'cost-watchdog') {
    return this.random.pick([...this.system.instances.values()].filter((instance) => instance.name === name));
  }

  async stepClocks(byMs: number): Promise<void> {
    await writeFile(this.clockFile, String(byMs));
  }

  /** Everything that this scene runs: services, agents, servers; not the one that looks. */
  async pids(): Promise<number[]> {
    const all = await listProcesses();
    const below = (pid: number): number[] =>
      all.filter(({ ppid }) => ppid === pid).flatMap((child) => [...below(child.pid), child.pid]);
    const roots = [...this.system.instances.values()].filter((one) => one.running).map(({ pid }) => pid);
    return [this.system.nats.pid, this.postgres.pid, ...roots].flatMap((pid) => [...below(pid), pid]);
  }

  async strike(): Promise<void> {
    await this.witness.close();
    await this.system.stop();
    await this.link.close();
    await this.postgres.remove();
    await rm(this.clockFile, { force: true });
  }
}
