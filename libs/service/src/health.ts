import { Controller, Get, Header, Res } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { Database } from '@purser/database';
import type { FastifyReply } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Histogram, type Metric, Registry } from 'prom-client';

type Check = () => Promise<void> | void;

/** What must hold for this instance to take work. */
export class Readiness {
  private readonly checks = new Map<string, Check>();
  private readonly told = new Map<string, () => Promise<string>>();

  add(name: string, check: Check): void {
    this.checks.set(name, check);
  }

  /** Shown beside the checks, whatever it says: `ok`, or what is not well and does not keep it from working. */
  tell(name: string, what: () => Promise<string>): void {
    this.told.set(name, what);
  }

  async report(): Promise<{ ready: boolean; checks: Record<string, string> }> {
    const results = await Promise.all(
      [...this.checks].map(async ([name, check]) => [name, await outcome(check)] as const),
    );
    const told = await Promise.all(
      [...this.told].map(async ([name, what]) => [name, await what().catch(() => 'unknown')] as const),
    );
    return { ready: results.every(([, result]) => result === 'ok'), checks: Object.fromEntries([...results, ...told]) };
  }
}

async function outcome(check: Check): Promise<string> {
  try {
    await check();
    return 'ok';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A stall of the event loop that matters is longer; looking every 10 ms, the default, costs half a percent of a core. */
const EVENT_LOOP_PRECISION_MS = 50;

let ofProcess: Registry | undefined;

/** Memory, event loop and garbage collection: watched once, however many services share the process. */
function processMetrics(): Metric[] {
  if (!ofProcess) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS });
  }
  const registry = ofProcess;
  return registry.getMetricsAsArray().flatMap(({ name }) => registry.getSingleMetric(name) ?? []);
}

/** One registry per service, also when five share a process: each tells of the process under its own label. */
export class Metrics {
  readonly registry = new Registry();

  constructor(service: string) {
    this.registry.setDefaultLabels({ service });
    for (const metric of processMetrics()) this.registry.registerMetric(metric);
  }

  /** `before` is called at each scrape, for what was not counted yet. */
  counter<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
    before?: () => void,
  ): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry], ...(before ? { collect: before } : {}) });
  }

  /** `before`: as for counters. */
  histogram<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    buckets: number[],
    before?: () => void,
  ): Histogram<Label> {
    const collect = before ? { collect: before } : {};
    return new Histogram({ name, help, labelNames, buckets, registers: [this.registry], ...collect });
  }

  /** `read` is called at each scrape. */
  gauge<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: (gauge: Gauge<Label>) => Promise<void> | void,
  ): Gauge<Label> {
    return new Gauge<Label>({
      name,
      help,
      labelNames,
      registers: [this.registry],
      async collect() {
        await read(this);
      },
    });
  }
}

export function standardReadiness(bus: Bus, database: Database | undefined): Readiness {
  const readiness = new Readiness();
  readiness.add('nats', () => {
    if (!bus.connected) throw new Error('not connected');
  });
  if (database) readiness.add('postgres', () => database.ping());
  return readiness;
}

@Controller()
export class HealthController {
  constructor(
    private readonly readiness: Readiness,
    private readonly metrics: Metrics,
  ) {}

  @Get('health/live')
  live(): { status: string } {
    return { status: 'ok' };
  }

  @Get('health/ready')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const { ready, checks } = await this.readiness.report();
    reply.status(ready ? 200 : 503);
    return { status: ready ? 'ok' : 'unavailable', checks };
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  scrape(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
