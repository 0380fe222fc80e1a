import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { textOf } from './engine.js';

interface Held {
  Labels: Record<string, string>;
  body: Record<string, unknown>;
  created: number;
}

/** Docker's API on a socket, as far as a gate asks for it. */
export class FakeEngine {
  readonly containers = new Map<string, Held>();
  readonly asked: string[] = [];
  network: { Internal: boolean } | undefined;
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  static async start(socketPath: string): Promise<FakeEngine> {
    const engine = new FakeEngine();
    engine.server.listen(socketPath);
    await once(engine.server, 'listening');
    return engine;
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  add(labels: Record<string, string>, body: Record<string, unknown> = {}): string {
    const id = randomBytes(32).toString('hex');
    this.containers.set(id, { Labels: labels, body, created: Math.floor(Date.now() / 1000) });
    return id;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const text = await textOf(request);
    this.asked.push(`${method} ${url}`);
    const send = (status: number, body?: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(body === undefined ? undefined : JSON.stringify(body));
    };
    const path = url.split('?')[0]!;
    if (path === '/containers/create') {
      const body = JSON.parse(text) as Record<string, unknown>;
      return send(201, { Id: this.add(body.Labels as Record<string, string>, body), Warnings: [] });
    }
    if (path === '/containers/json') return send(200, this.list(url));
    if (path.startsWith('/networks/')) return this.networks(method, send);
    const [, id = '', action] = /^\/containers\/([0-9a-f]+)(?:\/(\w+))?$/.exec(path) ?? [];
    const held = this.containers.get(id);
    if (!held) return send(404, { message: 'no such container' });
    if (method === 'DELETE') return (void this.containers.delete(id), send(204));
    if (action === 'json') return send(200, inspected(id, held));
    send(204);
  }

  private networks(method: string, send: (status: number, body?: unknown) => void): void {
    if (method === 'POST') {
      this.network = { Internal: true };
      return send(201, {});
    }
    if (!this.network) return send(404, { message: 'no such network' });
    send(200, { ...this.network, IPAM: { Config: [{ Subnet: '172.30.0.0/16', Gateway: '172.30.0.1' }] } });
  }

  private list(url: string): object[] {
    const { label } = JSON.parse(new URLSearchParams(url.split('?')[1]).get('filters') ?? '{}') as { label: string[] };
    const wanted = [...this.containers].filter(([, { Labels }]) =>
      label.every((one) => Labels[one.split('=')[0]!] === one.split('=')[1]),
    );
    return wanted.map(([Id, { Labels, created }]) => ({
      ...{ Id, Names: ['/one'], Image: 'image', Command: 'run --key secret', Labels, Created: created },
      ...{ State: 'running', Status: 'Up' },
    }));
  }
}

/** As a real engine shows it, secrets and all. */
const inspected = (Id: string, { Labels, body }: Held): object => ({
  ...{ Id, Name: '/one', Created: new Date().toISOString(), Image: 'sha256:00' },
  State: { Status: 'running', Running: true, OOMKilled: false, ExitCode: 0, Error: '' },
  Config: { Image: 'image', User: '1000:1000', Labels, Env: ['KEY=secret'] },
  HostConfig: { Memory: 1, NetworkMode: 'none', ...(body.HostConfig as object) },
});
