import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command, Option } from 'commander';
import { type Circumstances, isByNpm } from './invocation.js';

/** By their names as npm has them: `max_sessions` for `--max-sessions`. */
export type NpmOptions = ReadonlyMap<string, string>;

const PREFIX = 'npm_config_';

/** What npm took from the command line that started us, or knows by itself; not what stands in its own files. */
export function npmOptionsOf(circumstances: Pick<Circumstances, 'env' | 'script'>): NpmOptions {
  const { env } = circumstances;
  if (!isByNpm(circumstances)) return new Map();
  const files = [env.npm_config_userconfig, env.npm_config_globalconfig, projectFile(env.npm_package_json)];
  const settled = new Set(files.flatMap(namesIn));
  return new Map(
    Object.entries(env).flatMap(([variable, value = '']) => {
      const name = variable.slice(PREFIX.length);
      return variable.startsWith(PREFIX) && !settled.has(name) ? [[name, value] as const] : [];
    }),
  );
}

const projectFile = (manifest: string | undefined) => manifest && join(dirname(manifest), '.npmrc');

function namesIn(file: string | undefined): string[] {
  if (!file) return [];
  try {
    return [...readFileSync(file, 'utf8').matchAll(/^\s*([\w-]+)(?:\[\])?\s*(?==|$)/gm)].map(([, name = '']) =>
      name.replaceAll('-', '_'),
    );
  } catch {
    return []; // npm names files that need not be there.
  }
}

/**
 * npm keeps options that stand before the first `--` to itself and passes the rest on: a task would run without its
 * budget. @returns what is wrong and what to type, or undefined when npm took none of ours
 */
export function takenByNpm(program: Command, argv: readonly string[], taken: NpmOptions): string | undefined {
  if (taken.size === 0) return undefined;
  const path = commandPath(program, argv);
  const known = new Map<string, Option>();
  // Those of the command itself come first; those of others are lost just as silently.
  for (const command of [...path.toReversed(), ...descendants(program)]) {
    for (const option of command.options) {
      const name = option.attributeName().replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      if (name !== 'version' && !known.has(name)) known.set(name, option);
    }
  }
  const words = [...taken].flatMap(([name, value]) => {
    const option = known.get(name);
    return option ? [asWords(option, value)] : [];
  });
  if (words.length === 0) return undefined;
  const line = [...path.map((command) => command.name()), ...words, '...'].join(' ');
  return `npm took ${words.join(' ')} for itself, since no -- stands before the first option; nothing was done.\nType it so: ${line}`;
}

function commandPath(program: Command, argv: readonly string[]): Command[] {
  const path = [program];
  for (const word of argv) {
    const next = path.at(-1)?.commands.find((command) => command.name() === word);
    if (!next) break;
    path.push(next);
  }
  return path;
}

const descendants = (command: Command): Command[] => command.commands.flatMap((one) => [one, ...descendants(one)]);

/** npm makes `true` of an option that a blank parts from its value, and nothing of a `--no-`. */
function asWords(option: Option, value: string): string {
  const long = `--${option.name().replace(/^no-/, '')}`;
  if (option.isBoolean() || option.negate) return value === '' || value === 'false' ? `--no-${long.slice(2)}` : long;
  if (value === 'true' || value === '') return `${long} ${/<.+>/.exec(option.flags)?.[0] ?? '<value>'}`;
  return value
    .split('\n\n')
    .map((one) => `${long} ${/^[\w./:@%+=,-]+$/.test(one) ? one : JSON.stringify(one)}`)
    .join(' ');
}
