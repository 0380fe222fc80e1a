import { PurserError, type TaskSpecInput } from '@purser/contracts';

export interface SubmitOptions {
  executor: string;
  input?: string;
  cwd?: string;
  env?: string[];
  id?: string;
  budget?: string;
  paidOnly?: boolean;
  priority?: number;
  label?: string[];
  project?: string;
  dependsOn?: string[];
  parent?: string;
  tokens?: number;
  requests?: number;
  seconds?: number;
  memoryMb?: number;
  maxSessions?: number;
  retries?: number;
  notBefore?: string;
  deadline?: string;
}

const wrong = (message: string, cause?: unknown) => new PurserError('invalid_request', { message, cause });

const given = <T extends object>(values: T): Partial<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;

/** The task that a command line describes. */
export function taskSpec(options: SubmitOptions, argv: string[]): TaskSpecInput {
  const { tokens, requests, seconds, memoryMb } = options;
  return {
    executor: options.executor,
    input: taskInput(options, argv),
    ...given({
      id: options.id,
      budgetUsd: options.budget,
      paidOnly: options.paidOnly,
      priority: options.priority,
      labels: options.label,
      project: options.project,
      dependsOn: options.dependsOn,
      parent: options.parent,
      maxSessions: options.maxSessions,
      retries: options.retries,
      notBefore: options.notBefore,
      deadline: options.deadline,
    }),
    limits: given({ tokens, requests, seconds, memoryMb }),
  };
}

function taskInput({ input, cwd, env }: SubmitOptions, argv: string[]): Record<string, unknown> {
  if (input !== undefined) {
    if (argv.length > 0) throw wrong('Give either --input or a program after --, not both.');
    return parsedInput(input);
  }
  if (argv.length === 0) {
    throw wrong('What is to be done? Give a program after --, --input, or --file. Example: purser task submit -- date');
  }
  return { argv, ...given({ cwd, env: env && environment(env) }) };
}

function parsedInput(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw wrong(`--input is not JSON: ${(cause as Error).message}`, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong('--input must be a JSON object.');
  return value as Record<string, unknown>;
}

function environment(pairs: string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw wrong(`--env ${pair} is not NAME=value.`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
