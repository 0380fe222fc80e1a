import type { McpServer } from '../input.js';
import type { Tool } from '../tools/tool.js';
import { McpConnection, type Surroundings } from './mcp-connection.js';
import { toolName } from './tool-names.js';

/** Providers refuse requests with more. */
const MOST_TOOLS = 120;

/** What servers are given and nobody else is to see. */
export function secretsOf(servers: Readonly<Record<string, McpServer>>): string[] {
  return Object.values(servers)
    .flatMap((server) => Object.values('url' in server ? server.headers : server.env))
    .flatMap((value) => [value, ...value.split(' ').slice(1)]);
}

/** All servers of a session. */
export class McpServers {
  private readonly connections: McpConnection[];
  private readonly around: Surroundings;

  constructor(servers: Readonly<Record<string, McpServer>>, around: Surroundings) {
    this.around = around;
    this.connections = Object.entries(servers).map(([name, server]) => new McpConnection(name, server, around));
  }

  /** Starts them all and asks for their tools. Rejects when one of them cannot be reached: the task counts on it. */
  async open(outer: AbortSignal): Promise<Tool[]> {
    // When one of them cannot be reached, the others need not be waited for.
    const failure = new AbortController();
    const signal = AbortSignal.any([outer, failure.signal]);
    const each = await Promise.all(
      this.connections.map(async (connection) => {
        await connection.connect(signal);
        const tools = await connection.tools(signal).catch((error: Error) => {
          throw new Error(`the server "${connection.name}" does not tell its tools: ${error.message}`);
        });
        return { connection, tools };
      }),
    ).catch((error: unknown) => {
      failure.abort(error);
      throw error;
    });
    const taken = new Set<string>();
    const all = each.flatMap(({ connection, tools }) =>
      tools.map((served): Tool => {
        const name = toolName(connection.name, served.name, taken);
        taken.add(name);
        const { $schema: _, ...parameters } = served.inputSchema as Record<string, unknown>;
        return {
          name,
          description: served.description ?? served.title ?? served.name,
          parameters,
          reads: served.annotations?.readOnlyHint === true,
          run: (args, context) => connection.call(served.name, args, context),
        };
      }),
    );
    if (all.length > MOST_TOOLS) {
      this.around.say(
        `${all.length} tools are offered, and models take ${MOST_TOOLS}: the last are left out; see "only"`,
      );
    }
    return all.slice(0, MOST_TOOLS);
  }

  async close(): Promise<void> {
    await Promise.all(this.connections.map((connection) => connection.close()));
  }
}
