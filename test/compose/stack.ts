import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { freePort } from '@purser/embedded';
import { eventually } from '@purser/testing';

const run = promisify(execFile);

export interface Task {
  state: string;
  epoch: number;
  result: Record<string, unknown>;
  sessions: { runner: string; outcome: string | null }[];
}

export interface Container {
  Name: string;
  Service: string;
  ID: string;
  Publishers: { URL: string; PublishedPort: number }[] | null;
}

interface Options {
  project: string;
  /** Of `docker compose`, such as files, before its command. */
  files: readonly string[];
  /** Of `docker compose up`. */
  scale: readonly string[];
  env?: Record<string, string>;
}

/** Purser as `docker compose up` starts it, seen through its published ports. */
export class Stack {
  adminKey = '';
  private readonly options: Options;
  readonly env: NodeJS.ProcessEnv;

  static async up(options: Options): Promise<Stack> {
    const names = ['PURSER_GATEWAY_PORT', 'PURSER_API_PORT', 'PURSER_NATS_PORT', 'TEST_MODELS_PORT', 'TEST_INBOX_PORT'];
    const ports = await Promise.all(names.map(async (name) => [name, String(await freePort())] as const));
    const stack = new Stack(options, { ...process.env, ...Object.fromEntries(ports), ...options.env });
    await stack.up();
    stack.adminKey = (await stack.compose('exec', '-T', 'orchestrator', 'purser', 'key')).trim();
    return stack;
  }

  private constructor(options: Options, env: NodeJS.ProcessEnv) {
    this.options = options;
    this.env = env;
  }

  async docker(...args: string[]): Promise<string> {
    return (await run('docker', args, { env: this.env, maxBuffer: 64 * 2 ** 20 })).stdout;
  }

  compose(...args: string[]): Promise<string> {
    return this.docker('compose', '-p', this.options.project, ...this.options.files, ...args);
  }

  async up(): Promise<void> {
    try {
      await this.compose('up', '--build', '--detach', '--wait', '--wait-timeout', '240', ...this.options.scale);
    } catch (error) {
      const logs = await this.compose('logs', '--no-color', '--tail', '40').catch(() => '');
      throw new Error(`compose up failed: ${(error as { stderr?: string }).stderr?.slice(-2_000)}\n${logs}`, {
        cause: error,
      });
    }
  }

  async down(): Promise<void> {
    await this.compose('down', '--volumes', '--timeout', '40');
  }

  async containers(): Promise<Container[]> {
    return (await this.compose('ps', '--format', 'json'))
      .split('\n')
      .filter(Boolean)
      .flatMap((line) => JSON.parse(line) as Container | Container[]);
  }

  async api<Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    port = this.env.PURSER_API_PORT,
  ): Promise<{ status: number; body: Body }> {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.adminKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    return { status: response.status, body: (await response.json()) as Body };
  }

  taskIn(id: string, state: string, timeoutMs = 60_000): Promise<Task> {
    return eventually(
      async () => {
        const { body } = await this.api<Task>('GET', `/v1/tasks/${id}`);
        if (body.state !== state) throw new Error(`${id}: ${JSON.stringify(body)}`);
        return body;
      },
      { timeoutMs, everyMs: 200 },
    );
  }
}
