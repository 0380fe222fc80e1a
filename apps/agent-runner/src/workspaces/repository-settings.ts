import { lstat, realpath } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';

/** Runs a program as the folder's owner, and where no repository is unless told otherwise; what it prints. */
export type Look = (program: string, args: readonly string[], cwd?: string) => Promise<string>;

/** A repository that would have git read or write elsewhere. */
export class LeadsOut extends Error {}

/** Git's own limit. */
const MOST_DEEP = 10;
const INCLUDES = /^include(if\..*)?\.path$/s;
/** Files that git reads whatever it does. Parts of what is in them could come back in what it says. */
const READ = /^(core\.(excludesfile|attributesfile)|diff\.orderfile)$/;
/** What git replaces at the beginning of a path, beside `~/`: another user's home, the place of its installation. */
const REPLACED = /^(~[^/]|%\(|:\()/;

/** The names of all that a repository's configuration sets. Rejects when that leads out of the folder. */
export async function namesSet(folder: string, look: Look): Promise<string[]> {
  const names = new Set<string>();
  const root = await realpath(folder);

  /** Where a path of the configuration leads, when something is there; git ignores what is not. */
  const inside = async (name: string, value: string, base: string): Promise<string | undefined> => {
    const path = resolve(base, value.replace(/^~\//, `${folder}/`));
    const real = await realpath(path).catch(() => undefined);
    const out = REPLACED.test(value) || value === '~' || (real !== undefined && !real.startsWith(root + sep));
    if (out) throw new LeadsOut(`${name} in its configuration leads out of the workspace; take it out`);
    return real;
  };

  const read = async (file: string, depth: number): Promise<void> => {
    if (depth > MOST_DEEP) throw new LeadsOut('its configuration includes too many files');
    if (!(await lstat(file)).isFile()) throw new LeadsOut(`${file} is no plain file`);
    const listed = await look('git', ['config', '--file', file, '--no-includes', '--list', '-z']);
    for (const entry of listed.split('\0').filter((text) => text !== '')) {
      const end = entry.indexOf('\n');
      const [name, value] = end < 0 ? [entry, ''] : [entry.slice(0, end), entry.slice(end + 1)];
      names.add(name);
      if (name === 'extensions.refstorage' && !/^(files|reftable)$/i.test(value))
        throw new LeadsOut(`its references are kept as ${value}, which is not allowed`);
      // Empty, it names none.
      if (READ.test(name) && value !== '') await inside(name, value, folder);
      const included = INCLUDES.test(name) ? await inside(name, value, dirname(file)) : undefined;
      if (included !== undefined) await read(included, depth + 1);
    }
  };

  for (const name of ['config', 'config.worktree']) {
    const file = join(folder, '.git', name);
    if (await lstat(file).catch(() => undefined)) await read(file, 0);
  }
  return [...names];
}
