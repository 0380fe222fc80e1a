import { once } from 'node:events';
import { pumpLines, Tail } from '@purser/guard';
import { ReadBuffer, serializeMessage } from '@modelcontextprotocol/sdk/shared/stdio.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { SessionPrograms, StartedProgram } from '../programs/session-programs.js';

/** Time for a server to end by itself, once its input is closed. */
const LEAVE_MS = 500;
const WRITE_MS = 30_000;

export interface GuardedServer {
  argv: string[];
  env: Record<string, string>;
  /** A line of its standard error. */
  print(line: string): void | Promise<void>;
}

/** MCP over stdio, with a program that runs under the guard as the session's user. */
export class GuardedTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  private readonly programs: SessionPrograms;
  private readonly server: GuardedServer;
  private readonly received = new ReadBuffer();
  private readonly stderr = new Tail(500);
  private started: StartedProgram | undefined;
  private over: Promise<void> | undefined;
  private unstarted = '';

  constructor(programs: SessionPrograms, server: GuardedServer) {
    this.programs = programs;
    this.server = server;
  }

  /** Why it was not started, or the last that it said on standard error: often why it ended. */
  get lastWords(): string {
    return this.unstarted || this.stderr.toString().trim();
  }

  async start(): Promise<void> {
    const started = (this.started = await this.programs.start(this.server.argv, { env: this.server.env, input: true }));
    const { program, output } = started;
    output.stdout.on('data', (chunk: Buffer) => this.receive(chunk));
    output.stdout.on('error', (error) => this.onerror?.(error));
    const printed = pumpLines(output.stderr, this.stderr, (line) => this.server.print(line));
    printed.catch(() => undefined);
    this.over = program.ended.then(async (end) => {
      if (program.survivors === 0) await printed.catch(() => undefined);
      output.destroy();
      if (end.kind === 'unstarted') this.unstarted = end.message;
      this.onclose?.();
    });
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const input = this.started?.program.input;
    if (!input?.writable) throw new Error('the server has ended');
    // A server that reads nothing must not hold up its callers for ever.
    if (!input.write(serializeMessage(message))) {
      await once(input, 'drain', { signal: AbortSignal.timeout(WRITE_MS) });
    }
  }

  async close(): Promise<void> {
    if (!this.started || !this.over) return;
    const { program } = this.started;
    program.input?.end();
    const timer = setTimeout(() => program.kill(), LEAVE_MS);
    await this.over;
    clearTimeout(timer);
    this.received.clear();
  }

  private receive(chunk: Buffer): void {
    if (!this.attempt(() => this.received.append(chunk))) {
      // More than one message may hold: whatever it is, it will not end well.
      this.started?.program.kill();
      return;
    }
    for (let more = true; more;) {
      // A line that is no message, such as one printed by mistake, is left out.
      this.attempt(() => {
        const next = this.received.readMessage();
        more = next !== null;
        if (next !== null) this.onmessage?.(next);
      });
    }
  }

  private attempt(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.onerror?.(error as Error);
      return false;
    }
  }
}
