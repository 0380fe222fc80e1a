import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Host {
  name: string;
  /** Its own address; the same for all where namespaces cannot be made. */
  address: string;
}

/**
 * Machines as far as the network is concerned: namespaces on one bridge, that reach of this machine what is passed on to
 * them and nothing else. Without root they are this machine itself.
 */
export class Hosts {
  private readonly forwards: Server[] = [];
  private readonly programs: ChildProcess[] = [];

  private constructor(
    /** Where they reach this machine. */
    readonly address: string,
    private readonly bridge: string | undefined,
    private readonly hosts: readonly Host[],
  ) {}

  static async make(...names: string[]): Promise<Hosts> {
    if (process.getuid?.() !== 0 || process.platform !== 'linux')
      return new Hosts(
        '127.0.0.1',
        undefined,
        names.map((name) => ({ name, address: '127.0.0.1' })),
      );
    const tag = process.pid % 65_536;
    const net = `10.${200 + (tag >> 13)}.${(tag >> 5) % 256}`;
    const bridge = `pb${tag}`;
    const hosts = names.map((name, index) => ({ name: `p${tag}${name}`, address: `${net}.${index + 2}` }));
    const made = new Hosts(`${net}.1`, bridge, hosts);
    await ip('link', 'add', bridge, 'type', 'bridge');
    try {
      await ip('addr', 'add', `${net}.1/24`, 'dev', bridge);
      await ip('link', 'set', bridge, 'up');
      for (const { name, address } of hosts) {
        await ip('netns', 'add', name);
        await ip('link', 'add', `v${name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
        await ip('link', 'set', `v${name}`, 'master', bridge, 'up');
        await ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
        await ip('-n', name, 'link', 'set', 'eth0', 'up');
        await ip('-n', name, 'link', 'set', 'lo', 'up');
      }
      return made;
    } catch (error) {
      await made.remove();
      throw error;
    }
  }

  at(index: number): Host {
    return this.hosts[index]!;
  }

  /** The same URL as they have to write it, for a server of this machine that listens on loopback alone. */
  async pass(url: string): Promise<string> {
    if (this.bridge === undefined) return url;
    const to = new URL(url);
    const { port, hostname } = to;
    const server = createServer((socket) => {
      const further = connect(Number(port), hostname);
      for (const [from, other] of [
        [socket, further],
        [further, socket],
      ] as const) {
        from.on('error', () => other.destroy());
        from.on('close', () => other.destroy());
      }
      socket.pipe(further).pipe(socket);
    }).listen(0, this.address);
    await once(server, 'listening');
    this.forwards.push(server);
    to.port = String((server.address() as { port: number }).port);
    to.hostname = this.address;
    return to.href.replace(/\/$/, url.endsWith('/') ? '/' : '');
  }

  /** A runner there, as a process. */
  runner(host: Host, logFile: string, env: Record<string, string>): ChildProcess {
    const log = createWriteStream(logFile, { flags: 'a' });
    const argv = [process.execPath, join('apps', 'agent-runner', 'dist', 'main.js')];
    const [program, ...args] = this.bridge === undefined ? argv : ['ip', 'netns', 'exec', host.name, ...argv];
    const child = spawn(program!, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    child.once('exit', () => log.end());
    this.programs.push(child);
    return child;
  }

  async end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  async remove(): Promise<void> {
    await Promise.all(this.programs.map((child) => this.end(child, 'SIGKILL')));
    for (const server of this.forwards) server.close();
    if (this.bridge === undefined) return;
    for (const { name } of this.hosts) await ip('netns', 'del', name).catch(() => undefined);
    await ip('link', 'del', this.bridge).catch(() => undefined);
  }
}

const ip = (...args: string[]) => run('ip', args);
