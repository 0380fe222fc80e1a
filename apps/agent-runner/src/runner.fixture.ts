import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LogLine, sessionsLogs } from '@purser/contracts';
import type { RunningService } from '@purser/service';
import { cloneIsOpen, createTestDatabase, eventually, startTestNats, type TestDatabase } from '@purser/testing';
import { Client } from 'pg';
import { start } from './index.js';
import { type Finish, OtherServices } from './other-services.fake.js';

/** A runner on a real bus and database, with the services around it faked, for the specs of a file. */
export class TestRunner {
  private constructor(
    private readonly database: TestDatabase,
    readonly others: OtherServices,
    readonly service: RunningService,
    private readonly cleanUp: () => Promise<void>,
  ) {}

  static async start(env: Record<string, string> = {}): Promise<TestRunner> {
    const [nats, database, home] = await Promise.all([
      startTestNats(),
      createTestDatabase(),
      mkdtemp(join(tmpdir(), 'purser-runner-')),
    ]);
    // Enterable by others, as programs run as another user when the specs run as root.
    await chmod(home, 0o755);
    if (!cloneIsOpen()) await runAsRoot(join(home, 'config'));
    const others = await OtherServices.start(nats.url);
    const cleanUp = async (): Promise<void> => {
      await others.stop();
      await nats.stop();
      await database.drop();
      await rm(home, { recursive: true, force: true });
    };
    const service = await start({
      PURSER_NATS_URL: nats.url,
      PURSER_DATABASE_URL: database.url,
      PURSER_HOME: home,
      PURSER_CONFIG_DIR: join(home, 'config'),
      PURSER_RUNNER_PORT: '0',
      PURSER_INSTANCE: 'runner-1',
      PURSER_GRACE_MS: '1500',
      PURSER_GATEWAY_URL: 'http://127.0.0.1:9/',
      PURSER_LOG_LEVEL: process.env.SPEC_LOG ?? 'silent',
      ...env,
    }).catch(async (error: unknown) => {
      await cleanUp();
      throw error;
    });
    return new TestRunner(database, others, service, cleanUp);
  }

  async stop(): Promise<void> {
    await this.service.close();
    await this.cleanUp();
  }

  async logOf(taskId: string): Promise<LogLine[]> {
    return (await this.others.bus.call(sessionsLogs, { id: taskId })).lines;
  }

  /** The first line that a task's program printed and that begins so, without that beginning. */
  printed(taskId: string, beginning: string): Promise<string> {
    return eventually(async () => {
      const found = (await this.logOf(taskId)).find(({ text }) => text.startsWith(beginning));
      if (!found) throw new Error(`task ${taskId} has not printed "${beginning}"`);
      return found.text.slice(beginning.length);
    });
  }

  finishOf(taskId: string, number = 1): Promise<Finish> {
    return eventually(async () => {
      const found = this.others.finishesOf(taskId)[number - 1];
      if (found) return found;
      const log = (await this.logOf(taskId)).map(({ text }) => text).join('\n');
      throw new Error(`task ${taskId} was not finished ${number} times; its log:\n${log}`);
    });
  }

  /** A statement on the runner's own schema, as somebody else would have made it. */
  async query<Row extends object>(text: string, parameters: unknown[] = []): Promise<Row[]> {
    const client = new Client({ connectionString: this.database.url });
    await client.connect();
    try {
      return (await client.query<Row>(text, parameters)).rows;
    } finally {
      await client.end();
    }
  }
}

/** Programs of the clone, when nobody else can read them. */
async function runAsRoot(config: string): Promise<void> {
  await mkdir(config);
  const plugins = [{ use: '@purser/command', config: { user: { uid: 0, gid: 0 } } }];
  await writeFile(join(config, 'plugins.json'), JSON.stringify({ plugins }));
}
