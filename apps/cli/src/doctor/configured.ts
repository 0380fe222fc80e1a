import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fieldIssues, isPurserError, modelsList } from '@purser/contracts';
import { loadBudgetsFile } from '@purser/cost-watchdog/budgets-file';
import { z } from 'zod';
import type { ControlApi } from '../api/control-api.js';
import { type Check, fail, type Finding, ok, warn } from './check.js';

const MEND = 'Correct it; an editor that knows its $schema helps.';
const FILES = ['models', 'plugins'] as const;

/** Files of the configuration folder: the budgets as the cost-watchdog reads them, others against the schemas beside them. */
export const configChecks = (configDir: string): Check[] => [
  { name: 'budgets.json', look: () => budgetsFile(configDir) },
  ...FILES.map((name) => ({ name: `${name}.json`, look: () => configFile(configDir, name) })),
];

async function budgetsFile(configDir: string): Promise<Finding> {
  try {
    const { path, found } = await loadBudgetsFile(configDir);
    return ok(found ? path : `${path} is not there: budgets are as they were last set`);
  } catch (error) {
    if (!isPurserError(error)) throw error;
    return fail(error.message, MEND);
  }
}

async function configFile(configDir: string, name: string): Promise<Finding> {
  const file = join(configDir, `${name}.json`);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return ok(`${file} is not there: its defaults apply`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail(`${file} is not JSON: ${(error as Error).message}`, 'Correct it; an editor shows the place.');
  }
  const schema = await readSchema(configDir, name);
  if (schema === undefined)
    return ok(`${file} is JSON (there is no schema in ${join(configDir, 'schemas')} to check it)`);
  const checked = schema.safeParse(value);
  if (checked.success) return ok(file);
  const issues = checked.error.issues
    .flatMap((issue) => fieldIssues(issue))
    .slice(0, 3)
    .map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`);
  return fail(`${file}: ${issues.join('; ')}`, MEND);
}

async function readSchema(configDir: string, name: string): Promise<z.ZodType | undefined> {
  const text = await readFile(join(configDir, 'schemas', `${name}.schema.json`), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : z.fromJSONSchema(JSON.parse(text) as Parameters<typeof z.fromJSONSchema>[0]);
}

/** What the running gateway found; when none runs, what this environment would let it find. */
export const providerChecks = (
  env: Readonly<Record<string, string | undefined>>,
  running: ControlApi | undefined,
): Check[] => [{ name: 'providers', look: () => (running ? askGateway(running) : lookAround(env)) }];

const NONE =
  'Set OPENAI_API_KEY (any service that speaks its protocol: also OPENAI_BASE_URL), or start Ollama (OLLAMA_HOST where it is not on this machine), and start Purser again.';

async function askGateway(api: ControlApi): Promise<Finding> {
  const { providers } = await api.call(modelsList, {});
  const text = providers
    .map(({ name, available, reason }) =>
      available ? `${name} found` : `${name} not found (${reason ?? 'no reason'})`,
    )
    .join('; ');
  return providers.some(({ available }) => available) ? ok(text) : warn(text || 'none is configured', NONE);
}

async function lookAround(env: Readonly<Record<string, string | undefined>>): Promise<Finding> {
  const found: string[] = [];
  if (env.OPENAI_API_KEY) found.push('openai: OPENAI_API_KEY is set');
  else if (env.OPENAI_BASE_URL) found.push('openai: OPENAI_BASE_URL is set');
  const ollama = ollamaUrl(env.OLLAMA_HOST);
  const answers = await fetch(new URL('/api/version', ollama), { signal: AbortSignal.timeout(2_000) }).then(
    ({ ok: good }) => good,
    () => false,
  );
  if (answers) found.push(`ollama: answers at ${ollama}`);
  if (found.length > 0) return ok(found.join('; '));
  return warn(`none: OPENAI_API_KEY is not set, and no Ollama answers at ${ollama}`, NONE);
}

/** OLLAMA_HOST as Ollama's own tools take it: a URL, or host:port, or a host. */
function ollamaUrl(given: string | undefined): string {
  const text = given || '127.0.0.1:11434';
  const url = new URL(/^https?:\/\//.test(text) ? text : `http://${text}`);
  if (!url.port && !text.startsWith('http')) url.port = '11434';
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1';
  return url.origin;
}
