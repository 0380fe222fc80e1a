import { Inject, Injectable } from '@nestjs/common';
import { ComponentName } from '@purser/contracts';
import { z } from 'zod';
import type { Component } from './component.js';
import { dockerAt } from './docker-host.js';

/** Injection token of DOCKER_HOST. */
export const DOCKER_HOST = Symbol('docker-host');

const LABEL = 'purser.component';

const Listed = z.object({
  Id: z.string(),
  Names: z.array(z.string()).nullish(),
  Image: z.string().default(''),
  Labels: z.record(z.string(), z.string()).nullish(),
  State: z.string().default(''),
  Ports: z
    .array(z.object({ PrivatePort: z.number(), PublicPort: z.number().optional(), Type: z.string().optional() }))
    .nullish(),
});
type Listed = z.output<typeof Listed>;

const Stats = z.object({
  memory_stats: z.object({
    usage: z.number(),
    stats: z.object({ inactive_file: z.number().optional(), total_inactive_file: z.number().optional() }).nullish(),
  }),
  cpu_stats: z.object({
    cpu_usage: z.object({ total_usage: z.number() }),
    system_cpu_usage: z.number().optional(),
    online_cpus: z.number().optional(),
  }),
  precpu_stats: z.object({
    cpu_usage: z.object({ total_usage: z.number() }),
    system_cpu_usage: z.number().optional(),
  }),
});

const LIST_MS = 4_000;

export interface ContainerUse {
  memoryMb: number;
  /** Cores in use; null when it was not told. */
  cpus: number | null;
}

/** Components that are labelled containers. It reads only: lists and figures of use. */
@Injectable()
export class DockerComponents {
  /** As they were told last: an engine that is slow or restarts takes nothing from the bus. */
  private last: Component[] = [];

  constructor(@Inject(DOCKER_HOST) private readonly host: string | undefined) {}

  async find(): Promise<{ components: Component[]; problems: string[] }> {
    const docker = await dockerAt(this.host);
    if (docker === undefined) return { components: this.last, problems: [] };
    try {
      const found = z
        .array(Listed)
        .parse(await docker.listContainers({ filters: { label: [LABEL] }, abortSignal: AbortSignal.timeout(LIST_MS) }));
      const all = found.map(componentOf);
      this.last = all.filter((one) => typeof one !== 'string');
      return { components: this.last, problems: all.filter((one) => typeof one === 'string') };
    } catch (error) {
      // Nobody asked for Docker where only its socket is there.
      if (this.host === undefined && this.last.length === 0) return { components: [], problems: [] };
      const where = this.host ?? 'its socket';
      return {
        components: this.last,
        problems: [`Docker at ${where} does not tell its containers: ${wordsOf(error)}`],
      };
    }
  }

  /** What a container uses now; undefined when it does not run or cannot be asked. */
  async use(id: string): Promise<ContainerUse | undefined> {
    const docker = await dockerAt(this.host);
    if (docker === undefined) return undefined;
    const told: unknown = await docker
      .getContainer(id)
      .stats({ stream: false })
      .catch(() => undefined);
    const stats = Stats.safeParse(told);
    return stats.success ? useOf(stats.data) : undefined;
  }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message.trim() : String(error));

/** As `docker stats` counts: without pages of files that nobody has used lately. */
function useOf({ memory_stats: memory, cpu_stats: cpu, precpu_stats: before }: z.output<typeof Stats>): ContainerUse {
  const idleFiles = memory.stats?.inactive_file ?? memory.stats?.total_inactive_file ?? 0;
  const worked = cpu.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const passed = (cpu.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  return {
    memoryMb: Math.max(0, memory.usage - idleFiles) / 1024 ** 2,
    cpus: passed > 0 && worked >= 0 ? (worked / passed) * (cpu.online_cpus ?? 1) : null,
  };
}

/** The component, or what is wrong with the container's labels. */
function componentOf({ Id, Names, Image, Labels, Ports }: Listed): Component | string {
  const labels = Labels ?? {};
  const container = Names?.[0]?.replace(/^\//, '') ?? Id.slice(0, 12);
  const name = ComponentName.safeParse(labels[LABEL]);
  if (!name.success)
    return `the container ${container}: its label ${LABEL} must be ${name.error.issues[0]?.message ?? 'a name'}`;
  const given = labels[`${LABEL}.port`];
  const port = given === undefined ? Ports?.[0]?.PrivatePort : Number(given);
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536))
    return `the container ${container}: its label ${LABEL}.port must be a port such as 9000`;
  const published = Ports?.find(({ PrivatePort, PublicPort }) => PrivatePort === port && PublicPort)?.PublicPort;
  const url = labels[`${LABEL}.url`] ?? (published === undefined ? undefined : `http://127.0.0.1:${published}`);
  const says = (what: string) => labels[`${LABEL}.${what}`] === 'true';
  return {
    name: name.data,
    kind: 'container',
    source: 'docker',
    image: Image || undefined,
    command: [],
    env: {},
    port,
    healthPath: labels[`${LABEL}.health`] ?? '/',
    diskGb: 20,
    stateless: says('stateless'),
    checkpointable: says('checkpointable'),
    keepLocal: says('keep-local'),
    local: url === undefined ? undefined : { url, container },
    containerId: Id,
    containerName: container,
  };
}
