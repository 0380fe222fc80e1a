import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ErrorCode, type Tool as ServedTool } from '@modelcontextprotocol/sdk/types.js';
import type { McpServer } from '../input.js';
import type { SessionPrograms } from '../programs/session-programs.js';
import { type ToolContext, ToolError, type ToolResult } from '../tools/tool.js';
import { GuardedTransport } from './guarded-transport.js';
import { resultText } from './result-text.js';

/** Until a server has started and told its tools; one that `npx` has to fetch first takes its time. */
export const CONNECT_MS = 60_000;
const LEAVE_MS = 2_000;
const MOST_RESTARTS = 3;
const MOST_PAGES = 20;

export interface Surroundings {
  programs: SessionPrograms;
  say(line: string): void;
  /** A line of a server's standard error. */
  print(line: string): void | Promise<void>;
}

/** One server of tools, which is started again when it ends. */
export class McpConnection {
  readonly name: string;
  private readonly server: McpServer;
  private readonly around: Surroundings;
  private client: Client | undefined;
  private transport: Transport | undefined;
  private connecting: Promise<void> | undefined;
  private restarts = 0;
  private closed = false;

  constructor(name: string, server: McpServer, around: Surroundings) {
    this.name = name;
    this.server = server;
    this.around = around;
  }

  /** Rejects with what is wrong, in words. */
  async connect(signal: AbortSignal): Promise<void> {
    const transport = this.makeTransport();
    const client = new Client({ name: 'purser', version: '0.1.0' }, { capabilities: {} });
    client.onclose = () => {
      if (this.client === client) this.client = undefined;
    };
    try {
      await client.connect(transport, { timeout: CONNECT_MS, signal });
    } catch (error) {
      await client.close().catch(() => undefined);
      throw new Error(`the server "${this.name}" could not be reached: ${this.why(error, transport)}`, {
        cause: error,
      });
    }
    if (this.closed) {
      await client.close().catch(() => undefined);
      throw new Error('the session ends');
    }
    this.transport = transport;
    this.client = client;
  }

  async tools(signal: AbortSignal): Promise<ServedTool[]> {
    const tools: ServedTool[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const listed = await this.client!.listTools(cursor === undefined ? {} : { cursor }, {
        timeout: CONNECT_MS,
        signal,
      });
      tools.push(...listed.tools);
      cursor = listed.nextCursor;
      if (cursor === undefined) break;
    }
    const { only } = this.server;
    // What answers as a task of its own cannot be called as others are.
    return tools.filter((tool) => tool.execution?.taskSupport !== 'required' && (only?.includes(tool.name) ?? true));
  }

  async call(name: string, args: Record<string, unknown>, { signal }: ToolContext): Promise<ToolResult> {
    await this.connected(signal);
    const timeout = this.server.timeoutSeconds * 1000;
    const { client, transport } = this;
    if (!client || !transport) throw new ToolError(`the server "${this.name}" has ended`);
    try {
      return resultText(await client.callTool({ name, arguments: args }, undefined, { signal, timeout }));
    } catch (error) {
      signal.throwIfAborted();
      throw new ToolError(await this.explain(error, client, transport));
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    const { client, transport } = this;
    this.client = undefined;
    if (!client) return;
    if (transport instanceof StreamableHTTPClientTransport) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, LEAVE_MS)));
      await Promise.race([transport.terminateSession().catch(() => undefined), late]);
      clearTimeout(timer);
    }
    await client.close().catch(() => undefined);
  }

  /** Started again if it has ended, once for all calls that wait for it. */
  private connected(signal: AbortSignal): Promise<void> {
    if (this.client) return Promise.resolve();
    if (this.closed) throw new ToolError('the session ends');
    this.connecting ??= this.restart(signal).finally(() => (this.connecting = undefined));
    return this.connecting;
  }

  private async restart(signal: AbortSignal): Promise<void> {
    if (this.restarts >= MOST_RESTARTS) {
      throw new ToolError(`the server "${this.name}" ended too often: its tools cannot be used in this session`);
    }
    this.restarts += 1;
    this.around.say(`the server "${this.name}" has ended; it is started again (${this.restarts} of ${MOST_RESTARTS})`);
    await this.connect(signal).catch((error: Error) => {
      throw new ToolError(error.message);
    });
  }

  private async explain(error: unknown, client: Client, transport: Transport): Promise<string> {
    const code = (error as { code?: unknown }).code;
    if (code === Number(ErrorCode.RequestTimeout)) {
      return `no answer within ${this.server.timeoutSeconds} s; it is not known whether the call took effect`;
    }
    // The server itself refuses: wrong arguments, an unknown tool.
    if (typeof code === 'number' && code < 0 && code !== Number(ErrorCode.ConnectionClosed)) return messageOf(error);
    if (this.client === client) this.client = undefined;
    await client.close().catch(() => undefined);
    return `the server "${this.name}" ended or broke off during the call (${this.why(error, transport)}); it is not known whether it took effect`;
  }

  private why(error: unknown, transport: Transport): string {
    const words = transport instanceof GuardedTransport ? transport.lastWords : '';
    return words === '' ? messageOf(error) : `${messageOf(error)}: ${words}`;
  }

  private makeTransport(): Transport {
    const { server } = this;
    if ('url' in server) {
      const transport = new StreamableHTTPClientTransport(new URL(server.url), {
        requestInit: { headers: server.headers },
      });
      return transport;
    }
    const { command, args, env } = server;
    const transport = new GuardedTransport(this.around.programs, {
      argv: [command, ...args],
      env,
      print: (line) => this.around.print(`${this.name}: ${line}`),
    });
    return transport;
  }
}

function messageOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? `${message}: ${cause.message}` : message;
}
