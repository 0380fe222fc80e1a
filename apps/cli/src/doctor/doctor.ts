import { servicesList } from '@purser/contracts';
import { readSettings } from '../up/settings.js';
import { type ControlApi, controlApi } from '../api/control-api.js';
import type { Invocation } from '../commands/command.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { findConfigDir, findHome } from '../home.js';
import { count } from '../output/words.js';
import { printable } from '../output/table.js';
import type { Style, Terminal } from '../terminal.js';
import { runningOn } from '../up/home-lock.js';
import { type Check, type CheckResult, fail, type Finding, ok, runCheck } from './check.js';
import { configChecks, providerChecks } from './configured.js';
import { installationChecks } from './installed.js';
import { machineChecks } from './machine.js';

/** Looks at everything a start needs, and at the Purser that runs, if one does. */
export async function doctor(terminal: Terminal, print: Invocation['print']): Promise<ExitCode> {
  const results = await Promise.all(checksFor(terminal).map(runCheck));
  const failed = results.filter(({ state }) => state === 'fail').length;
  print({ ok: failed === 0, checks: results }, () => report(results, terminal));
  return failed === 0 ? EXIT.ok : EXIT.failed;
}

function checksFor(terminal: Terminal): Check[] {
  const { env, cwd } = terminal;
  const home = findHome(env, cwd);
  const configDir = findConfigDir(env, cwd);
  // A variable that is wrong stops the doctor as it stops a start: with its name and what would be right.
  const settings = readSettings(env);
  const holder = lookAtLock(home);
  const api = holder === undefined ? undefined : controlApi(terminal);
  const runningPid = holder === undefined ? undefined : holder === 'unknown' ? 0 : holder.pid;
  return [
    { name: 'Purser', look: () => running(runningPid, api) },
    ...machineChecks(home.root, env),
    ...installationChecks({ env, home, configDir, settings, runningPid }),
    ...configChecks(configDir),
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

export function report(results: CheckResult[], { style }: Pick<Terminal, 'style'>): string {
  const width = Math.max(...results.map(({ name }) => name.length));
  const lines = results.map(({ name, state, what, remedy }) => {
    const said = [what, ...(remedy === undefined ? [] : [`-> ${remedy}`])].join('\n');
    const [first = '', ...more] = printable(said).split('\n');
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
