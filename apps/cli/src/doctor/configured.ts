import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { budgetsList, modelsList, offloadStatus } from '@purser/contracts';
import type { ControlApi } from '../api/control-api.js';
import { type Configuration, type Source, SOURCES } from '../configuration/read-configuration.js';
import { count } from '../output/words.js';
import { loadServices } from '../up/services.js';
import { type Check, fail, type Finding, ok, warn } from './check.js';

/** What a start would say of the environment and of the files of the configuration folder. */
export const configChecks = (configDir: string, { problems }: Configuration): Check[] =>
  SOURCES.map((name) => ({ name, look: () => Promise.resolve(finding(name, configDir, problems[name])) }));

function finding(source: Source, configDir: string, problems: string[]): Finding {
  if (problems.length > 0) {
    const remedy =
      source === 'environment'
        ? 'Correct or unset the variable.'
        : 'Correct the file; an editor that knows its $schema helps.';
    return fail(problems.join('\n'), remedy);
  }
  if (source === 'environment') return ok('every variable that is set is right');
  const file = join(configDir, source);
  return ok(existsSync(file) ? file : `${file} is not there: its defaults apply`);
}

/** What is set while it runs counts too; when it does not, the file alone is known. */
export const budgetCheck = (
  configDir: string,
  running: ControlApi | undefined,
  env: Readonly<Record<string, string | undefined>> = {},
): Check => ({
  name: 'budgets',
  look: async () => {
    if (!running && env.DAILY_SPEND_CAP) return ok(`DAILY_SPEND_CAP is ${env.DAILY_SPEND_CAP}`);
    const there = running
      ? (await running.call(budgetsList, { only: 'general' })).budgets.length
      : (await (await loadServices()['cost-watchdog']).loadBudgetsFile(configDir)).budgets.length;
    if (there > 0) return ok(`${count(there, 'budget')}${running ? '' : ` in ${join(configDir, 'budgets.json')}`}`);
    return warn(
      running ? 'none is set: paid calls have no limit' : 'none is in the configuration: paid calls may have no limit',
      'Write budgets.json, or, once Purser runs: `purser budget set daily-total --limit 5.00 --period day`',
    );
  },
});

const OFFLOADING_WITHIN_MS = 30_000;

/** As the manager that runs tells it; when none runs, as it would find it now. Nothing of it keeps Purser from starting. */
export const offloadCheck = (
  configDir: string,
  running: ControlApi | undefined,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Check => ({
  name: 'offloading',
  withinMs: OFFLOADING_WITHIN_MS,
  optional: true,
  look: async () => {
    const { enabled, why, problems } = running
      ? await askManager(running)
      : await (await loadServices()['offload-manager']).checkCompute(env, configDir, signal);
    if (!enabled) return ok('off: HYBRID_ORCHESTRATION_ENABLED is false');
    return problems.length === 0
      ? ok(why)
      : warn(problems.join('\n'), 'See docs/guides/compute.md; until then nothing moves.');
  },
});

async function askManager(api: ControlApi) {
  const { health, compute } = await api.call(offloadStatus, {});
  return { enabled: health !== 'off', why: compute.why, problems: compute.problem === null ? [] : [compute.problem] };
}

/** Tiers that no call reaches: a start takes them, since they are no error. */
export const tierCheck = (configDir: string): Check => ({
  name: 'model tiers',
  look: async () => {
    const idle = await (await loadServices()['model-gateway']).idleTiers(configDir);
    return idle.length === 0
      ? ok('each has a provider and, where it is paid, a price')
      : warn(idle.join('\n'), 'Correct models.json, or add the provider to plugins.json.');
  },
});

/** What the running gateway found; when none runs, what this environment would let it find. */
export const providerChecks = (
  env: Readonly<Record<string, string | undefined>>,
  running: ControlApi | undefined,
): Check[] => [{ name: 'providers', look: () => (running ? askGateway(running) : lookAround(env)) }];

const NONE =
  'Set OPENAI_API_KEY (any service that speaks its protocol: also OPENAI_BASE_URL) or ANTHROPIC_API_KEY, or start Ollama (OLLAMA_HOST where it is not on this machine), and start Purser again.';

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
  if (env.ANTHROPIC_API_KEY) found.push('anthropic: ANTHROPIC_API_KEY is set');
  const ollama = ollamaUrl(env.OLLAMA_HOST);
  const answers = await fetch(new URL('/api/version', ollama), { signal: AbortSignal.timeout(2_000) }).then(
    ({ ok: good }) => good,
    () => false,
  );
  if (answers) found.push(`ollama: answers at ${ollama}`);
  if (env.HF_TOKEN) found.push('huggingface: HF_TOKEN is set');
  if (found.length > 0) return ok(found.join('; '));
  return warn(`none: neither OPENAI_API_KEY nor ANTHROPIC_API_KEY is set, and no Ollama answers at ${ollama}`, NONE);
}

/** OLLAMA_HOST as Ollama's own tools take it: a URL, or host:port, or a host. */
function ollamaUrl(given: string | undefined): string {
  const text = given || '127.0.0.1:11434';
  const url = new URL(/^https?:\/\//.test(text) ? text : `http://${text}`);
  if (!url.port && !text.startsWith('http')) url.port = '11434';
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1';
  return url.origin;
}
