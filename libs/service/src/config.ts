import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { PurserError } from '@purser/contracts';
import { z } from 'zod';

/** Injection token of an app's parsed configuration. */
export const CONFIG = Symbol('config');

export type Environment = Readonly<Record<string, string | undefined>>;

const url = (protocols: string[], example: string) =>
  z
    .string(`a URL such as ${example}`)
    .refine(
      (value) => value.split(',').every((one) => protocols.includes(protocolOf(one))),
      `a URL such as ${example}`,
    );

const protocolOf = (value: string): string => {
  try {
    return new URL(value.trim()).protocol;
  } catch {
    return '';
  }
};

export const port = (standard: number) =>
  z.coerce.number(`a port (0 to 65535) such as ${standard}`).int().min(0).max(65_535).default(standard);
export const milliseconds = (standard: number) =>
  z.coerce.number(`milliseconds such as ${standard}`).int().positive().default(standard);

/** What every service reads. Each app extends it with its own variables. */
export const serviceSettings = {
  PURSER_NATS_URL: url(['nats:', 'tls:', 'ws:', 'wss:'], 'nats://user:password@127.0.0.1:4222'),
  PURSER_NATS_REPLICAS: z.coerce.number().int().min(1).max(5).default(1),
  PURSER_DATABASE_URL: url(['postgres:', 'postgresql:'], 'postgres://user:password@127.0.0.1:5432/purser'),
  PURSER_DATABASE_POOL: z.coerce.number().int().min(1).max(100).default(8),
  PURSER_HOME: z.string().min(1).default('.purser'),
  PURSER_CONFIG_DIR: z.string().min(1).default('config'),
  PURSER_BIND: z.string().min(1).default('127.0.0.1'),
  PURSER_INSTANCE: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, "-" or "_"')
    .default(
      () =>
        `${hostname()
          .replaceAll(/[^A-Za-z0-9_-]/g, '-')
          .slice(0, 40)}-${process.pid}`,
    ),
  PURSER_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  PURSER_LOG_FORMAT: z.enum(['json', 'pretty']).optional(),
};

export type ServiceSettings = z.output<z.ZodObject<typeof serviceSettings>>;

/** `NAME_FILE=/path` stands for NAME with the file's content, as container secrets come. NAME itself wins when both are set. */
export function withSecretFiles(env: Environment): Environment {
  const read: Record<string, string> = {};
  for (const [name, path] of Object.entries(env)) {
    const target = name.replace(/_FILE$/, '');
    if (target === name || !path || env[target] || !/^(PURSER_|.*_(KEY|TOKEN)$)/.test(target)) continue;
    try {
      read[target] = readFileSync(path, 'utf8').trim();
    } catch (cause) {
      throw new PurserError('invalid_request', {
        message: `${name} names a file that cannot be read: ${(cause as Error).message}`,
        cause,
      });
    }
  }
  return { ...env, ...read };
}

/** Parses the environment. The error names each variable, what it is, and what would be right. */
export function parseConfig<Schema extends z.ZodType>(schema: Schema, env: Environment): z.output<Schema> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const name = issue.path.join('.');
    return name in given
      ? `${name} is not valid: expected ${issue.message}`
      : `${name} is not set: expected ${issue.message}`;
  });
  throw new PurserError('invalid_request', {
    message: lines.join('\n'),
    details: { variables: parsed.error.issues.map((issue) => issue.path.join('.')) },
  });
}
