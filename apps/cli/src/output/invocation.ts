import { accessSync, constants, realpathSync } from 'node:fs';
import { delimiter, dirname, join, relative, sep } from 'node:path';

/** How the person at this terminal can run `purser`. */
export interface Invocation {
  /** What stands for `purser`. */
  program: string;
  /** npm takes options for its own until a `--`. */
  throughNpm: boolean;
}

export const ON_PATH: Invocation = { program: 'purser', throughNpm: false };

export interface Circumstances {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** The file that was started: `bin/purser.mjs`, or a link to it. */
  script: string;
}

/** From how this process was started: the same way works again. */
export function invocationOf({ env, cwd, script }: Circumstances): Invocation {
  const own = real(script);
  const byNpm = isByNpm({ env, script });
  if (pathFolders(env, byNpm).some((folder) => isProgram(join(folder, 'purser'), own))) return ON_PATH;
  if (byNpm) return { program: 'npm run --silent purser', throughNpm: true };
  const below = relative(cwd, script);
  const file = below.startsWith('..') ? script : below;
  return { program: `node ${/^[\w/.@-]+$/.test(file) ? file : JSON.stringify(file)}`, throughNpm: false };
}

/** Whether a script of this clone's own package.json started us. */
export const isByNpm = ({ env, script }: Pick<Circumstances, 'env' | 'script'>): boolean =>
  env.npm_lifecycle_event !== undefined && isUnder(real(script), env.npm_package_json);

/** Those of the person's own shell: npm puts folders of its own first. */
const pathFolders = ({ PATH = '' }: Circumstances['env'], byNpm: boolean): string[] =>
  PATH.split(delimiter).filter((folder) => folder !== '' && !(byNpm && folder.includes(`${sep}node_modules${sep}`)));

const isUnder = (file: string, manifest: string | undefined): boolean =>
  manifest !== undefined && file.startsWith(real(dirname(manifest)) + sep);

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function isProgram(path: string, own: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return realpathSync(path) === own;
  } catch {
    return false;
  }
}

/** A command line of ours in a text: its words, and the blank before its first option if it has one. */
const COMMAND_LINE =
  /(?<![\w@/.-])purser(?:((?: (?:up|doctor|key|call|prices|init|status|task|costs|budget|ledger|spikes|emergency)\b)(?: [^\s`"'()|;,.[-][^\s`"'()|;,]*)*)( (?=-|\[options\]))?|( (?=--help|\[options\])))/g;

/** Replaces every `purser ...` in a text by what has to be typed here. */
export function asTyped(text: string, { program, throughNpm }: Invocation): string {
  return text.replaceAll(
    COMMAND_LINE,
    (_, words = '', option?: string, bare: string | undefined = option) =>
      (throughNpm && words === ' up' ? 'npm start' : program + words) +
      (bare === undefined ? '' : throughNpm ? ' -- ' : ' '),
  );
}
