import type { LoggerService } from '@nestjs/common';
import { currentTraceId } from '@purser/bus';
import { pino, stdTimeFunctions } from 'pino';
import pretty from 'pino-pretty';
import { withoutSecrets } from './hidden-secrets.js';

/** A constant message and fields. Injected under this class; the object behind it is a pino logger. */
export abstract class Log {
  abstract debug(fields: object, message: string): void;
  abstract info(fields: object, message: string): void;
  abstract warn(fields: object, message: string): void;
  abstract error(fields: object, message: string): void;
  abstract child(fields: object): Log;
  /** For lines that are many, so that nothing is prepared for one that is not written. Absent where all are. */
  isLevelEnabled?(level: 'debug' | 'info'): boolean;
}

export interface LogOptions {
  service: string;
  instance: string;
  level: string;
  format?: 'json' | 'pretty' | undefined;
}

/** Takes whole lines of JSON, each with its line feed. */
export interface LogSink {
  write(line: string): void;
}

let sink: LogSink | undefined;

/** For a process that runs several services: all logs made from now on go there, and none to standard output. */
export function logTo(destination: LogSink | undefined): void {
  sink = destination;
}

const SECRETS = [
  'authorization',
  '*.authorization',
  'headers.authorization',
  'req.headers.authorization',
  '*["x-api-key"]',
  'secret',
  '*.secret',
  'password',
  '*.password',
  'apiKey',
  '*.apiKey',
];

export function createLog({ service, instance, level, format }: LogOptions): Log {
  const options = {
    level,
    base: { service, instance },
    timestamp: stdTimeFunctions.isoTime,
    redact: { paths: SECRETS, censor: '[redacted]' },
    hooks: { streamWrite: withoutSecrets },
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: describeError },
    mixin: () => {
      const traceId = currentTraceId();
      return traceId === undefined ? {} : { traceId };
    },
  };
  if (sink !== undefined) return pino(options, sink);
  const readable = format === 'pretty' || (format === undefined && process.stdout.isTTY);
  // In this process, not in pino's worker thread: five services share one terminal and one memory budget.
  return readable
    ? pino(options, pretty({ sync: true, ignore: 'pid,hostname,instance', translateTime: 'HH:MM:ss.l' }))
    : pino(options);
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return {
    name: error.name,
    message: error.message,
    ...('code' in error ? { code: error.code } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

/** Nest's own messages: only trouble is worth a line. */
export const nestLogger = (log: Log): LoggerService => ({
  log: () => undefined,
  debug: () => undefined,
  verbose: () => undefined,
  warn: (message: unknown, context?: unknown) => log.warn({ context }, String(message)),
  error: (message: unknown, ...rest: unknown[]) =>
    log.error({ rest, ...(message instanceof Error ? { error: message } : {}) }, String(message)),
  fatal: (message: unknown, ...rest: unknown[]) => log.error({ rest }, String(message)),
});
