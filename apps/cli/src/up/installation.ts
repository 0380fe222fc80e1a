import type { ServiceName } from '@purser/contracts';
import type { Environment, RunningService } from '@purser/service';
import type { NatsAccess, PostgresAccess, ServersOptions } from './servers.js';
import { provideNats, providePostgres, serviceUrls } from './servers.js';
import { loadServices, START_STAGES, STOP_ORDER } from './services.js';

interface Closable {
  name: string;
  /** Lower ones are closed first. */
  order: number;
  close(): Promise<void>;
}

/** What runs, with what is needed to describe it. */
export interface Running {
  nats: NatsAccess;
  postgres: PostgresAccess;
  urls: Record<ServiceName, string>;
}

const ORDER_OF_NATS = STOP_ORDER.length;
const ORDER_OF_POSTGRES = ORDER_OF_NATS + 1;

/** Servers and services in one: started together, stopped in order, at any moment and from any state. */
export class Installation {
  private readonly open: Closable[] = [];
  private starting: Promise<unknown> = Promise.resolve();
  private readonly ending = new AbortController();
  private readonly serverPids: (() => number | undefined)[] = [];
  /** Where our own Postgres has its data, once it runs. */
  postgresData: string | undefined;

  constructor(
    private readonly options: Omit<ServersOptions, 'signal'>,
    private readonly serviceEnv: Environment,
  ) {}

  start(): Promise<Running> {
    const started = this.startAll();
    this.starting = started.catch(() => undefined);
    return started;
  }

  private async startAll(): Promise<Running> {
    const loaded = loadServices();
    const { nats, postgres } = await this.startServers();
    const databaseUrls = await serviceUrls(postgres, this.options.secrets);
    const urls: Partial<Record<ServiceName, string>> = {};
    for (const stage of START_STAGES) {
      const results = await Promise.allSettled(
        stage.map(async (name) => {
          this.ending.signal.throwIfAborted();
          const { start } = await loaded[name];
          const service = await start(this.envOf(name, nats, databaseUrls, urls));
          urls[name] = service.url;
          await this.keep(closableService(service));
        }),
      );
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    }
    return { nats, postgres, urls: urls as Record<ServiceName, string> };
  }

  private async startServers(): Promise<{ nats: NatsAccess; postgres: PostgresAccess }> {
    const options = { ...this.options, signal: this.ending.signal };
    // Both are awaited also when one fails, so that the other one is known and can be stopped.
    const [nats, postgres] = await Promise.allSettled([
      provideNats(options).then(async (access) => {
        await this.keepServer('nats-server', ORDER_OF_NATS, access.server);
        return access;
      }),
      providePostgres(options).then(async (access) => {
        this.postgresData = access.server?.current.dataDir;
        await this.keepServer('Postgres', ORDER_OF_POSTGRES, access.server);
        return access;
      }),
    ]);
    if (nats.status === 'rejected') throw nats.reason;
    if (postgres.status === 'rejected') throw postgres.reason;
    return { nats: nats.value, postgres: postgres.value };
  }

  private envOf(
    name: ServiceName,
    nats: NatsAccess,
    databaseUrls: Record<ServiceName, string>,
    urls: Partial<Record<ServiceName, string>>,
  ): Environment {
    const gateway = this.options.settings.PURSER_GATEWAY_URL ?? urls['model-gateway'];
    return {
      ...this.serviceEnv,
      PURSER_NATS_URL: nats.urlFor(name),
      PURSER_DATABASE_URL: databaseUrls[name],
      ...(nats.guestsFile === undefined ? {} : { PURSER_VM_NATS_USERS_FILE: nats.guestsFile }),
      ...(gateway === undefined ? {} : { PURSER_GATEWAY_URL: gateway }),
      ...(urls.orchestrator === undefined ? {} : { PURSER_API_URL: urls.orchestrator }),
    };
  }

  private async keepServer(
    name: string,
    order: number,
    server: NatsAccess['server'] | PostgresAccess['server'],
  ): Promise<void> {
    if (!server) return;
    this.serverPids.push(() => server.current.pid);
    await this.keep({ name, order, close: () => server.stop() });
  }

  /** What comes up after we were told to stop is closed at once. */
  private async keep(one: Closable): Promise<void> {
    if (this.ending.signal.aborted) await one.close();
    else this.open.push(one);
  }

  /** One service before the others; what it cannot end in order is for `stop` to say. */
  async stopFirst(name: ServiceName): Promise<void> {
    const one = this.open.find((open) => open.name === name);
    if (!one) return;
    await one.close();
    this.open.splice(this.open.indexOf(one), 1);
  }

  /** @returns what could not be stopped, in words */
  async stop(): Promise<string[]> {
    this.ending.abort(new Error('stopped while starting'));
    const failures: string[] = [];
    const closeThoseOpen = async (): Promise<void> => {
      for (const one of this.open.splice(0).sort((a, b) => a.order - b.order)) {
        await one.close().catch((error: unknown) => failures.push(`${one.name}: ${(error as Error).message}`));
      }
    };
    await closeThoseOpen();
    await this.starting;
    await closeThoseOpen();
    return failures;
  }

  /** Ends the servers without waiting for anything: for a second Ctrl-C, or when stopping takes too long. */
  killServers(): void {
    for (const pidOf of this.serverPids) {
      const pid = pidOf();
      // SIGQUIT ends Postgres at once and with all its processes; to nats-server it is as good as any.
      if (pid !== undefined) endQuietly(pid, 'SIGQUIT');
    }
  }
}

function endQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

const closableService = (service: RunningService): Closable => ({
  name: service.name,
  order: STOP_ORDER.indexOf(service.name),
  close: () => service.close(),
});
