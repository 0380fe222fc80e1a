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

/** Whatever is wrong with what was given, the error says `what` would be right. */
export const wholeBetween = (minimum: number, maximum: number, what: string) =>
  z.coerce.number(what).int(what).min(minimum, what).max(maximum, what);
export const port = (standard: number) =>
  wholeBetween(0, 65_535, `a port (0 to 65535) such as ${standard}`).default(standard);
export const milliseconds = (standard: number) =>
  wholeBetween(1, Number.MAX_SAFE_INTEGER, `milliseconds such as ${standard}`).default(standard);

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

/** What every service reads. Each app extends it with its own variables. */
export const serviceSettings = {
  PURSER_NATS_URL: url(['nats:', 'tls:', 'ws:', 'wss:'], 'nats://user:password@127.0.0.1:4222'),
  PURSER_NATS_REPLICAS: wholeBetween(1, 5, 'a number of copies from 1 to 5').default(1),
  PURSER_DATABASE_URL: url(['postgres:', 'postgresql:'], 'postgres://user:password@127.0.0.1:5432/purser'),
  PURSER_DATABASE_POOL: wholeBetween(1, 100, 'a number of connections from 1 to 100, such as 8').default(8),
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
  PURSER_LOG_LEVEL: z.enum(LOG_LEVELS, `one of ${LOG_LEVELS.join(', ')}`).default('info'),
  PURSER_LOG_FORMAT: z.enum(['json', 'pretty'], 'json or pretty').optional(),
};

export type ServiceSettings = z.output<z.ZodObject<typeof serviceSettings>>;

/** `NAME_FILE=/path` stands for NAME with the file's content, as container secrets come. NAME itself wins when both are set. */
export function withSecretFiles(env: Environment): Environment {
  const read: Record<string, string> = {};
  const unreadable: Error[] = [];
  for (const [name, path] of Object.entries(env)) {
    const target = name.replace(/_FILE$/, '');
    if (target === name || !path || env[target] || !/^(PURSER_|SMTP_PASSWORD$|.*_(KEY|TOKEN)$)/.test(target)) continue;
    try {
      read[target] = readFileSync(path, 'utf8').trim();
    } catch (cause) {
      unreadable.push(new Error(`${name} names a file that cannot be read: ${(cause as Error).message}`, { cause }));
    }
  }
  if (unreadable.length > 0) {
    const message = unreadable.map((error) => error.message).join('\n');
    throw new PurserError('invalid_request', { message, cause: new AggregateError(unreadable) });
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
    message: [...new Set(lines)].join('\n'),
    details: { variables: [...new Set(parsed.error.issues.map((issue) => issue.path.join('.')))] },
  });
}
