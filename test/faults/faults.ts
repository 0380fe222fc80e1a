import { setTimeout as delay } from 'node:timers/promises';
import type { Instance } from '../system.js';
import type { Scene } from './scene.js';

/** Something that goes wrong. Resolves when it is over and what it broke stands again. */
export interface Fault {
  name: string;
  happen(scene: Scene): Promise<void>;
}

async function killed(instance: Instance, scene: Scene): Promise<void> {
  await instance.kill();
  await delay(scene.random.between(0, 3_000));
  await instance.start();
}

async function frozen(instance: Instance, forMs: number): Promise<void> {
  const { pid } = instance;
  process.kill(pid, 'SIGSTOP');
  await delay(forMs);
  process.kill(pid, 'SIGCONT');
}

/** A disk whose flush takes as long as this; Postgres waits it out before each. */
async function slowDisk(scene: Scene, flushMs: number, forMs: number): Promise<void> {
  const set = async (delayUs: number, siblings: number) => {
    await scene.witness.query(`ALTER SYSTEM SET commit_delay = ${delayUs}`);
    await scene.witness.query(`ALTER SYSTEM SET commit_siblings = ${siblings}`);
    await scene.witness.query('SELECT pg_reload_conf()');
  };
  await set(flushMs * 1_000, 0);
  await delay(forMs);
  await set(0, 5);
}

export const FAULTS: readonly Fault[] = [
  { name: 'a runner is killed', happen: (scene) => killed(scene.of('agent-runner'), scene) },
  { name: 'an orchestrator is killed', happen: (scene) => killed(scene.of('orchestrator'), scene) },
  { name: 'a gateway is killed', happen: (scene) => killed(scene.of('model-gateway'), scene) },
  { name: 'the watchdog is killed', happen: (scene) => killed(scene.of('cost-watchdog'), scene) },
  {
    name: 'a runner stands still, perhaps beyond its leases',
    happen: (scene) => frozen(scene.of('agent-runner'), scene.random.between(1_000, 14_000)),
  },
  {
    name: 'an orchestrator stands still',
    happen: (scene) => frozen(scene.of('orchestrator'), scene.random.between(1_000, 6_000)),
  },
  {
    name: 'the bus is killed and comes back',
    async happen({ system, random }) {
      await system.nats.kill();
      await delay(random.between(0, 3_000));
      await system.nats.restart();
    },
  },
  {
    name: 'Postgres is killed and comes back',
    async happen({ postgres, random }) {
      await postgres.kill();
      await delay(random.between(0, 3_000));
      await postgres.start();
    },
  },
  {
    name: 'Postgres is restarted politely',
    async happen({ postgres }) {
      await postgres.stop();
      await postgres.start();
    },
  },
  {
    name: 'the services are cut off from the bus',
    async happen({ link, random }) {
      link.sever();
      await delay(random.between(500, 6_000));
      link.mend();
    },
  },
  {
    name: 'the disk is slow',
    happen: (scene) => slowDisk(scene, scene.random.between(10, 80), scene.random.between(2_000, 5_000)),
  },
  {
    name: 'messages come twice and late',
    async happen({ link, random }) {
      link.trouble = { twice: 0.3, late: 0.2, lateMs: 2_500 };
      await delay(random.between(3_000, 6_000));
      link.trouble = { twice: 0, late: 0, lateMs: 0 };
    },
  },
  {
    name: 'the clocks of the services are set, and set back',
    async happen(scene) {
      await scene.stepClocks(scene.random.between(-7_200_000, 7_200_000));
      await delay(scene.random.between(2_000, 5_000));
      await scene.stepClocks(0);
    },
  },
];
