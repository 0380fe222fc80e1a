import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ComponentName, invalidRequest, isPurserError, problemLines } from '@purser/contracts';
import { z } from 'zod';
import type { Component } from './component.js';
import { namePattern } from './name-pattern.js';

const httpUrl = z.url({ protocol: /^https?$/, error: 'an address such as "http://127.0.0.1:9000"' });
const words = z.array(z.string().max(4_096)).max(200);

const Local = z
  .strictObject({
    /** Where it answers on this machine. */
    url: httpUrl,
    /** The name of its Docker container, which is started and stopped. */
    container: z.string().min(1).max(200).optional(),
    /** Or the program that serves it, which is started and ended. */
    command: words.min(1).optional(),
    /** Where that runs; relative to the configuration folder. */
    cwd: z.string().min(1).optional(),
  })
  .refine(({ container, command }) => container === undefined || command === undefined, {
    error: '`container` or `command`, not both',
  });

export const ComponentEntry = z.strictObject({
  name: ComponentName,
  /** What a VM runs. */
  image: z.string().min(1).max(500).optional(),
  command: words.default([]),
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a name such as MODEL'), z.string()).default({}),
  port: z.number().int().min(1).max(65_535).optional(),
  healthPath: z.string().startsWith('/', 'a path such as "/health"').default('/'),
  /** What it needs at most; a VM is chosen by it. Absent: what was measured. */
  memoryMb: z.number().int().min(1).max(100_000_000).optional(),
  diskGb: z.number().int().min(10).max(65_536).default(20),
  /** Any instance answers any request alike. */
  stateless: z.boolean().default(false),
  /** It saves what it needs to go on when it gets SIGTERM, and finds it again wherever it starts. */
  checkpointable: z.boolean().default(false),
  keepLocal: z.boolean().default(false),
  local: Local.optional(),
});

const Scan = z.strictObject({
  /** With Python and JavaScript or TypeScript modules; relative to the configuration folder. */
  folder: z.string().min(1),
  /** How many folders deep modules are looked for. */
  depth: z.number().int().min(1).max(16).default(4),
  /** Names of folders and files that are left out; `*` stands for any characters. */
  skip: z.array(z.string().min(1)).max(200).default([]),
});
export type Scan = z.output<typeof Scan>;

const ComponentsFileShape = z.strictObject({
  $schema: z.string().optional(),
  /** One that is wrong is told, and stops none of the others. */
  components: z.array(z.unknown()).max(10_000).default([]),
  scan: z.array(Scan).max(100).default([]),
  /** Names that never leave this machine; `*` stands for any characters, and what lies below a name goes with it. */
  keepLocal: z.array(z.string().min(1).max(200)).max(1_000).default([]),
  /** Whether containers labelled `purser.component` are components. */
  docker: z.boolean().default(true),
});

export interface ComponentsFile {
  components: Component[];
  scan: Scan[];
  keepsLocal: (name: string) => boolean;
  docker: boolean;
  /** It is there and cannot be read, or only half of it is there: nobody knows what it says, nor what is to be kept here. */
  unread: boolean;
  /** What is wrong with it, each with the field and what would be right. */
  problems: string[];
}

const NOTHING: ComponentsFile = {
  components: [],
  scan: [],
  keepsLocal: () => false,
  docker: true,
  unread: false,
  problems: [],
};
const UNREAD = { ...NOTHING, unread: true };

/** Reads config/components.json. Never rejects: what is wrong is among the problems, and the rest holds. */
export async function loadComponentsFile(configDir: string): Promise<ComponentsFile> {
  const path = join(configDir, 'components.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return NOTHING;
    return { ...UNREAD, problems: [`${path} cannot be read: ${(cause as Error).message}`] };
  }
  try {
    return parseComponentsFile(JSON.parse(text), path, configDir);
  } catch (cause) {
    const problems = isPurserError(cause) ? problemLines(cause) : [`${path} is not JSON: ${(cause as Error).message}`];
    return { ...UNREAD, problems };
  }
}

function parseComponentsFile(value: unknown, path: string, configDir: string): ComponentsFile {
  const parsed = ComponentsFileShape.safeParse(value);
  if (!parsed.success) throw invalidRequest(path, parsed.error);
  const { scan, keepLocal, docker } = parsed.data;
  const problems: string[] = [];
  const components = parsed.data.components.flatMap((one, index) => {
    const entry = ComponentEntry.safeParse(one);
    if (entry.success) return [componentOf(entry.data, configDir)];
    const issues = entry.error.issues.map((issue) => ({ ...issue, path: ['components', index, ...issue.path] }));
    problems.push(...problemLines(invalidRequest(path, new z.ZodError(issues))));
    return [];
  });
  return {
    components,
    scan: scan.map((one) => ({ ...one, folder: resolve(configDir, one.folder) })),
    keepsLocal: namePattern(keepLocal),
    docker,
    unread: false,
    problems,
  };
}

const componentOf = (entry: z.output<typeof ComponentEntry>, configDir: string): Component => ({
  ...entry,
  kind: 'service',
  source: 'components.json',
  local: entry.local && {
    ...entry.local,
    cwd: entry.local.command && resolve(configDir, entry.local.cwd ?? '.'),
  },
});

/** For editors: what may stand in config/components.json. */
export const componentsFileSchema = (): Record<string, unknown> => ({
  title: 'The workloads that Purser may move to a VM, and where it looks for more',
  ...z.toJSONSchema(ComponentsFileShape.extend({ components: z.array(ComponentEntry).max(10_000).default([]) }), {
    io: 'input',
    reused: 'inline',
  }),
});
