import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FakeContainer {
  id: string;
  name: string;
  state: string;
  policy: string;
  labels: Record<string, string>;
  exitCode: number;
}

/** What a request is answered with instead: a status, nothing at all, or what happens just before it is answered as usual. */
type Oddity = number | 'hang' | ((container: FakeContainer) => void);

/** An engine's API on a socket, as far as Purser asks it, with the answers of real engines that are rare. */
export class FakeDocker {
  readonly containers = new Map<string, FakeContainer>();
  /** `<verb> <name>` -> what is odd about the next such request. */
  readonly oddities = new Map<string, Oddity>();
  readonly asked: string[] = [];
  private readonly listeners = new Set<ServerResponse>();

  private constructor(
    private readonly folder: string,
    private readonly server: Server,
  ) {}

  static async start(): Promise<FakeDocker> {
    const folder = await mkdtemp(join(tmpdir(), 'purser-docker-'));
    const server = createServer((request, response) => void fake.answer(request, response));
    const fake = new FakeDocker(folder, server);
    server.listen(fake.socket);
    await once(server, 'listening');
    return fake;
  }

  get socket(): string {
    return join(this.folder, 'docker.sock');
  }

  get host(): string {
    return `unix://${this.socket}`;
  }

  add(name: string, given: Partial<FakeContainer> = {}): FakeContainer {
    const id = given.id ?? Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64);
    const container = { id, name, state: 'running', policy: 'no', labels: {}, exitCode: 0, ...given };
    this.containers.set(id, container);
    return container;
  }

  /** As when somebody starts it. */
  startAgain(name: string): void {
    const container = [...this.containers.values()].find((one) => one.name === name);
    if (!container) throw new Error(`there is no ${name}`);
    container.state = 'running';
    for (const listener of this.listeners)
      listener.write(`${JSON.stringify({ Type: 'container', Action: 'start', Actor: { ID: container.id } })}\n`);
  }

  get watchers(): number {
    return this.listeners.size;
  }

  breakEvents(): void {
    for (const listener of this.listeners) listener.destroy();
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const url = new URL(request.url ?? '', 'http://docker');
    const reply = (status: number, value?: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(value === undefined ? undefined : JSON.stringify(value));
    };
    if (url.pathname === '/events') {
      this.listeners.add(response);
      response.on('close', () => this.listeners.delete(response));
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      return;
    }
    if (url.pathname === '/containers/json') {
      const odd = this.oddity('list');
      if (odd === 'hang') return;
      if (typeof odd === 'number') return reply(odd, { message: 'odd' });
      return reply(200, [...this.containers.values()].map(listed));
    }
    const [, id = '', verb = ''] = /^\/containers\/([^/]+)\/(json|update|stop|kill)$/.exec(url.pathname) ?? [];
    const container = this.containers.get(id);
    if (!container) return reply(404, { message: `No such container: ${id}` });
    this.asked.push(`${verb} ${container.name}`);
    const odd = this.oddity(`${verb} ${container.name}`);
    if (odd === 'hang') return;
    if (typeof odd === 'number') return reply(odd, odd === 304 ? undefined : { message: `odd ${odd}` });
    odd?.(container);
    this.carryOut(verb, container, { body, grace: url.searchParams.get('t') }, reply);
  }

  private carryOut(
    verb: string,
    container: FakeContainer,
    { body }: { body: string; grace: string | null },
    reply: (status: number, value?: unknown) => void,
  ): void {
    if (verb === 'json') return reply(200, inspected(container));
    if (verb === 'update') {
      container.policy = (JSON.parse(body) as { RestartPolicy: { Name: string } }).RestartPolicy.Name;
      return reply(200, { Warnings: [] });
    }
    if (verb === 'kill' && container.state !== 'running')
      return reply(409, { message: `Container ${container.id} is not running` });
    container.exitCode = verb === 'kill' ? 137 : container.exitCode;
    // An engine starts one that it stopped itself no more, whatever its policy; one that was killed from outside it does.
    container.state = 'exited';
    reply(204);
  }

  private oddity(what: string): Oddity | undefined {
    const odd = this.oddities.get(what);
    this.oddities.delete(what);
    return odd;
  }
}

const listed = ({ id, name, state, labels }: FakeContainer) => ({
  Id: id,
  Names: [`/${name}`],
  Image: 'some:image',
  Labels: labels,
  State: state,
  Status: state,
});

const inspected = ({ id, name, state, labels, policy, exitCode }: FakeContainer) => ({
  Id: id,
  Name: `/${name}`,
  State: { Status: state, Running: state === 'running', Paused: false, Restarting: false, ExitCode: exitCode },
  Config: { Labels: labels },
  HostConfig: { RestartPolicy: { Name: policy } },
});
