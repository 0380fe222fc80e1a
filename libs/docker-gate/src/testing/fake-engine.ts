import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { textOf } from '../engine.ts';

const KILLED = 137;
const TERMINATED = 143;

interface Held {
  name: string;
  Labels: Record<string, string>;
  body: Record<string, unknown>;
  created: number;
  /** Once it has ended. */
  code: number | undefined;
  outOfMemory: boolean;
  ended: Promise<number>;
  end: (code: number) => void;
  output: Buffer[];
  readers: Set<ServerResponse>;
}

type Send = (status: number, body?: unknown) => void;

/** Docker's API on a socket, as far as a gate asks for it. */
export class FakeEngine {
  readonly containers = new Map<string, Held>();
  readonly asked: string[] = [];
  /** Of images that are not here. */
  readonly absent = new Set<string>();
  /** Labels of images, which a container has where it was given no others. */
  readonly imageLabels = new Map<string, Record<string, string>>();
  network: { Internal: boolean } | undefined;
  subnet = '172.30.0.0/16';
  /** Waited for before an answer; a number is answered instead, as the status of an error, and 0 is a broken connection. */
  before: ((asked: string) => Promise<unknown> | number | undefined) | undefined;
  /** What a container does that is started. */
  onStart: ((id: string) => void) | undefined;
  /** What one does at SIGTERM, in place of ending. */
  onTerminate: ((id: string) => void) | undefined;
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

  add(labels: Record<string, string>, body: Record<string, unknown> = {}, name = 'one'): string {
    const id = randomBytes(32).toString('hex');
    let end: (code: number) => void = () => undefined;
    const ended = new Promise<number>((resolve) => (end = resolve));
    this.containers.set(id, {
      ...{ name, Labels: labels, body, created: Math.floor(Date.now() / 1000), code: undefined, outOfMemory: false },
      ...{ ended, end, output: [], readers: new Set() },
    });
    return id;
  }

  print(id: string, line: string): void {
    const held = this.containers.get(id);
    const content = Buffer.from(`${line}\n`);
    const header = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
    header.writeUInt32BE(content.length, 4);
    const frame = Buffer.concat([header, content]);
    held?.output.push(frame);
    for (const reader of held?.readers ?? []) reader.write(frame);
  }

  exit(id: string, code: number): void {
    const held = this.containers.get(id);
    if (!held || held.code !== undefined) return;
    held.code = code;
    held.end(code);
    for (const reader of held.readers) reader.end();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const text = await textOf(request);
    const asked = `${method} ${url}`;
    this.asked.push(asked);
    const send: Send = (status, body) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(body === undefined ? undefined : JSON.stringify(body));
    };
    const told = await this.before?.(asked);
    if (told === 0) return void response.destroy();
    if (typeof told === 'number') return send(told, { message: 'as it was told' });
    const path = url.split('?')[0]!;
    if (path === '/containers/create') {
      const body = JSON.parse(text) as Record<string, unknown>;
      const name = new URLSearchParams(url.split('?')[1]).get('name') ?? undefined;
      if (name !== undefined && this.named(name) !== undefined) return send(409, { message: 'the name is taken' });
      const ofImage = this.imageLabels.get(String(body.Image));
      const labels = { ...ofImage, ...(body.Labels as Record<string, string>) };
      return send(201, { Id: this.add(labels, body, name), Warnings: [] });
    }
    if (path === '/info') return send(200, { MemTotal: 8 * 2 ** 30, NCPU: 4, MemoryLimit: true, Name: 'secret' });
    if (path === '/containers/json') return send(200, this.list(url));
    if (path.startsWith('/networks/')) return this.networks(method, send);
    if (path.startsWith('/images/')) return this.images(path, send);
    const [, given = '', action] = /^\/containers\/([\w.-]+)(?:\/(\w+))?$/.exec(path) ?? [];
    const id = this.named(given) ?? given;
    const held = this.containers.get(id);
    if (!held) return send(404, { message: 'no such container' });
    await this.act({ id, held, action: action ?? method, url }, response, send);
  }

  private async act(
    { id, held, action, url }: { id: string; held: Held; action: string; url: string },
    response: ServerResponse,
    send: Send,
  ): Promise<void> {
    switch (action) {
      case 'DELETE':
        this.exit(id, KILLED);
        this.containers.delete(id);
        return send(204);
      case 'json':
        return send(200, inspected(id, held));
      case 'stats':
        return send(200, { memory_stats: { usage: 3 * 1024 * 1024, stats: {} } });
      case 'wait':
        return send(200, { StatusCode: await held.ended });
      case 'logs':
        response.writeHead(200);
        response.flushHeaders();
        for (const frame of held.output) response.write(frame);
        if (held.code !== undefined) response.end();
        else held.readers.add(response);
        return;
      case 'start':
        send(204);
        return this.onStart?.(id);
      case 'kill':
        if (url.endsWith('SIGKILL')) this.exit(id, KILLED);
        else if (this.onTerminate) this.onTerminate(id);
        else this.exit(id, TERMINATED);
    }
    send(204);
  }

  private named(name: string): string | undefined {
    return [...this.containers].find(([, held]) => held.name === name)?.[0];
  }

  private networks(method: string, send: Send): void {
    if (method === 'POST') {
      this.network = { Internal: true };
      return send(201, {});
    }
    if (!this.network) return send(404, { message: 'no such network' });
    send(200, { ...this.network, IPAM: { Config: [{ Subnet: this.subnet, Gateway: '172.30.0.1' }] } });
  }

  private images(path: string, send: Send): void {
    const name = decodeURIComponent(path.slice('/images/'.length).replace(/\/json$/, ''));
    if (name === 'create' || this.absent.has(name)) return send(404, { message: 'no such image' });
    send(200, { Id: 'sha256:00', RepoDigests: [`${name}@sha256:11`], Config: { Env: ['KEY=secret'] } });
  }

  private list(url: string): object[] {
    const { label } = JSON.parse(new URLSearchParams(url.split('?')[1]).get('filters') ?? '{}') as { label: string[] };
    const wanted = [...this.containers].filter(([, { Labels }]) =>
      label.every((one) => {
        const [key = '', value] = one.split('=');
        return value === undefined ? Labels[key] !== undefined : Labels[key] === value;
      }),
    );
    return wanted.map(([Id, { name, Labels, created, code }]) => ({
      ...{ Id, Names: [`/${name}`], Image: 'image', Command: 'run --key secret', Labels, Created: created },
      ...{ State: code === undefined ? 'running' : 'exited', Status: 'Up' },
    }));
  }
}

/** As a real engine shows it, secrets and all. */
const inspected = (Id: string, { name, Labels, body, code, outOfMemory: OOMKilled }: Held): object => ({
  ...{ Id, Name: `/${name}`, Created: new Date().toISOString(), Image: 'sha256:00' },
  State: {
    ...{ Status: 'running', Running: code === undefined, OOMKilled },
    ...{ ExitCode: code ?? 0, Error: '' },
  },
  Config: { Image: 'image', User: '1000:1000', Labels, Env: ['KEY=secret'] },
  HostConfig: { Memory: 1, NetworkMode: 'none', ...(body.HostConfig as object) },
});
