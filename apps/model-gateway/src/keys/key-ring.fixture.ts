import { Bus } from '@purser/bus';
import { keysChanged, PurserError } from '@purser/contracts';
import { Database } from '@purser/database';
import { type Clock, createLog } from '@purser/service';
// Test code that several specs share; the build leaves it out.
import { createTestDatabase, startTestNats } from '@purser/testing';
import type { Config } from '../config.js';
import { MIGRATIONS } from '../migrations/index.js';
import { Authenticator } from './authenticator.js';
import { KeyCache } from './key-cache.js';
import { KeyChanges } from './key-changes.js';
import { KeyLimits } from './key-limits.js';
import { KeyMinutesRepository } from './key-minutes.repository.js';
import { KeysRepository } from './keys.repository.js';
import { KeysService } from './keys.service.js';

/** Stands still but for what a spec moves it, and for enough that no two moments are the same. */
export class SteppedClock implements Clock {
  private ms = 1_000_000;

  constructor(private readonly wallOffMs: number) {}

  now(): Date {
    return new Date(Date.now() + this.wallOffMs);
  }

  monotonic(): number {
    return (this.ms += 0.000_1);
  }

  forward(ms: number): void {
    this.ms += ms;
  }
}

/** The way to the database: what went over it, and what may go wrong there. */
class Wire {
  /** Those that were answered. */
  readonly statements: string[] = [];
  private cut = false;
  private held: Promise<void> | undefined;

  constructor(private readonly database: Database) {}

  cutDatabase(cut: boolean): void {
    this.cut = cut;
  }

  /** From now on answers are kept back, as they were when Postgres gave them, until the returned function is called. */
  holdAnswers(): () => void {
    let release: () => void = () => undefined;
    this.held = new Promise((resolve) => (release = resolve));
    return () => {
      this.held = undefined;
      release();
    };
  }

  /** The same database, over this wire. */
  get end(): Database {
    const query = async (text: string, parameters?: unknown[]): Promise<unknown[]> => {
      if (this.cut) throw new PurserError('unavailable', { message: 'the database is not reachable' });
      const rows = await this.database.query(text, parameters);
      this.statements.push(text);
      await this.held;
      return rows;
    };
    return new Proxy(this.database, {
      get: (target, name) => (name === 'query' ? query : (Reflect.get(target, name) as unknown)),
    });
  }
}

export interface Instance {
  clock: SteppedClock;
  wire: Wire;
  repository: KeysRepository;
  changes: KeyChanges;
  keys: KeysService;
  authenticator: Authenticator;
  limits: KeyLimits;
}

export interface InstanceOptions {
  /** Hears no broadcast. */
  deaf?: boolean;
  wallOffMs?: number;
  database?: Database;
}

/** What several gateways know of keys, each with its own memory, on one real database and bus. */
export interface KeyRing {
  database: Database;
  instance(options?: InstanceOptions): Promise<Instance>;
  close(): Promise<void>;
}

export async function openKeyRing(): Promise<KeyRing> {
  const [nats, file] = await Promise.all([startTestNats(), createTestDatabase()]);
  const options = { url: file.url, schema: 'gateway', migrations: MIGRATIONS, applicationName: 'spec' };
  const database = await Database.open(options);
  const buses: Bus[] = [];
  const log = createLog({ service: 'model-gateway', instance: 'spec', level: 'silent' });
  return {
    database,
    async instance({ deaf = false, wallOffMs = 0, database: given = database } = {}) {
      const bus = await Bus.connect({ url: nats.url, service: 'model-gateway', instance: `spec-${buses.length}` });
      buses.push(bus);
      const clock = new SteppedClock(wallOffMs);
      const wire = new Wire(given);
      const repository = new KeysRepository(wire.end);
      const cache = new KeyCache();
      const changes = new KeyChanges(repository, cache, bus, clock, log);
      if (!deaf) {
        bus.connection.subscribe(keysChanged.name, {
          callback: (_error, message) =>
            changes.heard(keysChanged.data.parse(message.json<{ data: unknown }>().data).ids),
        });
        await bus.connection.flush();
      }
      return {
        clock,
        wire,
        repository,
        changes,
        keys: new KeysService(repository, changes),
        authenticator: new Authenticator(repository, cache, changes, clock, {} as Config),
        limits: new KeyLimits(new KeyMinutesRepository(wire.end), clock, log),
      };
    },
    async close() {
      await Promise.all(buses.map((bus) => bus.close()));
      await database.close();
      await Promise.all([nats.stop(), file.drop()]);
    },
  };
}
