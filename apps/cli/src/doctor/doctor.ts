import { setTimeout as delay } from 'node:timers/promises';
import { servicesList } from '@purser/contracts';
import { type ControlApi, controlApi } from '../api/control-api.js';
import type { Invocation } from '../commands/command.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { readConfiguration, SOURCES } from '../configuration/read-configuration.js';
import { findConfigDir, findHome } from '../home.js';
import { count } from '../output/words.js';
import { printable } from '../output/table.js';
import type { Style, Terminal } from '../terminal.js';
import { StopSignal } from '../up/stop-signal.js';
import { runningOn } from '../up/home-lock.js';
import { type Check, type CheckResult, fail, type Finding, ok, runCheck } from './check.js';
import { budgetCheck, configChecks, offloadCheck, providerChecks, tierCheck } from './configured.js';
import { installationChecks } from './installed.js';
import { machineChecks } from './machine.js';

const CLEAN_UP_MS = 2_000;

/** Looks at everything a start needs, and at the Purser that runs, if one does. */
export async function doctor(terminal: Terminal, print: Invocation['print']): Promise<ExitCode> {
  const ending = new AbortController();
  const interruption = new StopSignal(() => process.exit(EXIT.interrupted));
  const results = Promise.all((await checksFor(terminal, ending.signal)).map(runCheck));
  const first = await Promise.race([results, interruption.requested.then(() => undefined)]);
  interruption.close();
  if (first) return told(first, terminal, print);
  ending.abort(new Error('interrupted'));
  // What fetches a nats-server cleans up first; nothing else is worth waiting for.
  await Promise.race([results, delay(CLEAN_UP_MS)]);
  return EXIT.interrupted;
}

function told(results: CheckResult[], terminal: Terminal, print: Invocation['print']): ExitCode {
  const failed = results.filter(({ state }) => state === 'fail').length;
  print({ ok: failed === 0, checks: results }, () => report(results, terminal));
  return failed === 0 ? EXIT.ok : EXIT.failed;
}

async function checksFor(terminal: Terminal, signal: AbortSignal): Promise<Check[]> {
  const { env, cwd } = terminal;
  const home = findHome(env, cwd);
  const configDir = findConfigDir(env, cwd);
  const configuration = await readConfiguration(env, configDir);
  const holder = lookAtLock(home);
  const api = holder === undefined ? undefined : controlApi(terminal);
  const runningPid = holder === undefined ? undefined : holder === 'unknown' ? 0 : holder.pid;
  return [
    { name: 'Purser', look: () => running(runningPid, api) },
    ...machineChecks(home.root, env),
    ...installationChecks({ env, home, settings: configuration.settings, runningPid, signal }),
    ...configChecks(configDir, configuration),
    ...(configuration.problems['budgets.json'].length > 0 ? [] : [budgetCheck(configDir, api, env)]),
    ...(SOURCES.some((source) => configuration.problems[source].length > 0)
      ? []
      : [tierCheck(configDir), offloadCheck(configDir, api, env, signal)]),
    ...providerChecks(env, api),
  ];
}

function lookAtLock(home: ReturnType<typeof findHome>): ReturnType<typeof runningOn> {
  try {
    return runningOn(home);
  } catch {
    return undefined; // There is no data folder, or it is not ours: the check of the folder says so.
  }
}

async function running(pid: number | undefined, api: ControlApi | undefined): Promise<Finding> {
  if (api === undefined) return ok('does not run on this data folder');
  const who = pid ? `runs (pid ${pid})` : 'runs';
  try {
    const { services } = await api.call(servicesList, {});
    return ok(
      `${who}, with ${count(services.length, 'service')}: ${services.map(({ service }) => service).join(', ')}`,
    );
  } catch (error) {
    return fail(
      `${who}, but ${(error as Error).message}`,
      'If it is starting, wait. Else see the logs in its data folder, and start it again.',
    );
  }
}

const STYLES: Record<Finding['state'], Style> = { ok: 'green', warn: 'yellow', fail: 'red' };

export function report(results: CheckResult[], { style, typed }: Pick<Terminal, 'style' | 'typed'>): string {
  const width = Math.max(...results.map(({ name }) => name.length));
  const lines = results.map(({ name, state, what, remedy }) => {
    const said = [what, ...(remedy === undefined ? [] : [`-> ${remedy}`])].join('\n');
    const [first = '', ...more] = printable(typed(said)).split('\n');
    const rest = more.map((text) => `${' '.repeat(width + 8)}${text.trim()}\n`).join('');
    return `${style(STYLES[state], state.padEnd(4))}  ${name.padEnd(width)}  ${first}\n${rest}`;
  });
  const failed = results.filter(({ state }) => state === 'fail').length;
  const warned = results.filter(({ state }) => state === 'warn').length;
  const verdict =
    failed > 0
      ? `${count(failed, 'check')} failed.`
      : `Nothing stands in the way of a start${warned > 0 ? `; ${count(warned, 'warning')}` : ''}.`;
  return `${lines.join('')}\n${verdict}\n`;
}
