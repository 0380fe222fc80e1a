import 'reflect-metadata';
import type { DynamicModule, INestApplication, Type } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Bus, BusStrategy, withTrace } from '@purser/bus';
import type { ServiceName } from '@purser/contracts';
import { CreateOutbox1700000000000, Database, type MigrationClass } from '@purser/database';
import { Clock, systemClock } from './clock.js';
import { CONFIG, type Environment, parseConfig, type ServiceSettings, withSecretFiles } from './config.js';
import { ErrorFilter, type ErrorRenderer, plainErrors } from './error-filter.js';
import { HealthController, Metrics, Readiness, standardReadiness } from './health.js';
import { HeartbeatPublisher, VERSION } from './heartbeat.js';
import { Latch } from './latch.js';
import { EmergencyStop, LatchHandlers } from './latch.handlers.js';
import { createLog, Log, nestLogger } from './log.js';
import { Outbox } from './outbox-relay.js';
import { sessionName } from './session-name.js';
import { streamsThere } from './streams-there.js';
import type { z } from 'zod';

export interface ServiceDefinition<Config extends ServiceSettings> {
  name: ServiceName;
  config: z.ZodType<Config>;
  port: (config: Config) => number;
  module: Type;
  /** The schema it owns and how it came to be; absent for a service without memory. */
  database?: DatabaseDefinition;
  /** How errors look on its HTTP port. */
  renderErrors?: ErrorRenderer;
  /** Largest HTTP body it takes, in bytes. */
  bodyLimit?: number;
  /** Last touches on the HTTP server, before it listens. */
  prepare?: (app: NestFastifyApplication, config: Config) => Promise<void> | void;
}

interface DatabaseDefinition {
  schema: string;
  migrations: MigrationClass[];
  /** Whether its migrations have changes of tables told, for `whileUnchanged`. */
  hearsChanges?: boolean;
  /** Of Postgres, for its connections. */
  settings?: Readonly<Record<string, string>>;
}

export interface RunningService {
  name: ServiceName;
  url: string;
  app: INestApplication;
  /** Stops taking, finishes, flushes, closes. */
  close(): Promise<void>;
}

@Module({})
class CoreModule {}

/** Starts one service: configuration, bus, database, Nest, HTTP. Rejects with a message that a person can act on. */
export async function startService<Config extends ServiceSettings>(
  definition: ServiceDefinition<Config>,
  env: Environment,
): Promise<RunningService> {
  const config = parseConfig(definition.config, withSecretFiles(env));
  const log = createLog({
    service: definition.name,
    instance: config.PURSER_INSTANCE,
    level: config.PURSER_LOG_LEVEL,
    format: config.PURSER_LOG_FORMAT,
  });
  const bus = await Bus.connect({
    url: config.PURSER_NATS_URL,
    service: definition.name,
    instance: config.PURSER_INSTANCE,
    replicas: config.PURSER_NATS_REPLICAS,
  });
  let database: Database | undefined;
  let app: NestFastifyApplication | undefined;
  const closeAll = async () => {
    await app?.close();
    await bus.close();
    await database?.close();
  };
  try {
    await streamsThere(bus, log);
    database = definition.database && (await openDatabase(definition.name, definition.database, config));
    app = await createApp(definition, config, { log, bus, database });
    await app.startAllMicroservices();
    await app.listen(definition.port(config), config.PURSER_BIND);
    const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
    log.info({ url }, 'started');
    return { name: definition.name, url, app, close: closeAll };
  } catch (error) {
    await closeAll().catch(() => undefined);
    throw error;
  }
}

function openDatabase(
  name: ServiceName,
  { schema, migrations, settings = {}, hearsChanges = false }: DatabaseDefinition,
  config: ServiceSettings,
): Promise<Database> {
  return Database.open({
    url: config.PURSER_DATABASE_URL,
    schema,
    settings,
    hearsChanges,
    migrations: [CreateOutbox1700000000000, ...migrations],
    applicationName: sessionName(name, config.PURSER_INSTANCE),
    poolSize: config.PURSER_DATABASE_POOL,
  });
}

interface Core {
  log: Log;
  bus: Bus;
  database: Database | undefined;
}

/** For a request to come in whole, not for its answer: 32 MB on a slow line pass, and nobody keeps a half one open for good. */
const REQUEST_TIMEOUT_MS = 5 * 60_000;

async function createApp<Config extends ServiceSettings>(
  definition: ServiceDefinition<Config>,
  config: Config,
  core: Core,
): Promise<NestFastifyApplication> {
  const { log, bus } = core;
  const adapter = new FastifyAdapter({
    bodyLimit: definition.bodyLimit ?? 8 * 1024 * 1024,
    forceCloseConnections: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
  });
  const app = await NestFactory.create<NestFastifyApplication>(rootModule(definition, config, core), adapter, {
    logger: nestLogger(log),
    abortOnError: false,
  });
  adapter
    .getInstance()
    .addHook('onRequest', (request, _reply, done) =>
      withTrace(request.headers.traceparent as string | undefined, done),
    );
  app.useGlobalFilters(new ErrorFilter(log, definition.renderErrors ?? plainErrors));
  const strategy = new BusStrategy({
    bus,
    service: definition.name,
    version: VERSION,
    report: (error, what) => log.error({ error }, what),
  });
  app.connectMicroservice({ strategy }, { inheritAppConfig: true });
  await definition.prepare?.(app, config);
  await app.get(LatchHandlers).readAtStart();
  return app;
}

function rootModule<Config extends ServiceSettings>(
  definition: ServiceDefinition<Config>,
  config: Config,
  { log, bus, database }: Core,
): DynamicModule {
  const clock = systemClock;
  const withDatabase = database ? [{ provide: Database, useValue: database }, Outbox] : [];
  const providers = [
    { provide: CONFIG, useValue: config },
    { provide: Log, useValue: log },
    { provide: Bus, useValue: bus },
    { provide: Clock, useValue: clock },
    { provide: Latch, useValue: new Latch(clock) },
    { provide: Metrics, useValue: new Metrics(definition.name) },
    { provide: Readiness, useValue: standardReadiness(bus, database) },
    EmergencyStop,
    HeartbeatPublisher,
    ...withDatabase,
  ];
  const exported = [
    CONFIG,
    Log,
    Bus,
    Clock,
    Latch,
    Metrics,
    Readiness,
    EmergencyStop,
    HeartbeatPublisher,
    ...(database ? [Database, Outbox] : []),
  ];
  return {
    module: CoreModule,
    global: true,
    imports: [definition.module],
    controllers: [HealthController, LatchHandlers],
    providers,
    exports: exported,
  };
}
