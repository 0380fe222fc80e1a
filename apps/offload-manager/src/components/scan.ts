import { type Dirent, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { Scan } from './components-file.js';
import type { ScannedModule } from './module.js';
import { namePattern } from './name-pattern.js';

export interface FoundModule {
  name: string;
  module: ScannedModule;
}

export interface Found {
  modules: FoundModule[];
  problems: string[];
}

const MAX_MODULES = 10_000;
const JAVASCRIPT = new Set(['.js', '.mjs', '.cjs', '.jsx', '.ts', '.mts', '.cts', '.tsx']);
/** Written by tools, or about other modules: not what a program loads. */
const LEFT_OUT =
  /^(\.|__pycache__$|node_modules$)|\.d\.[cm]?ts$|\.(spec|test|min)\.[cm]?[jt]sx?$|^(test_.*|.*_test|conftest)\.py$/;

/** The modules in a folder, by their names with dots. Reads folders only, no file. Never rejects. */
export async function scanFolder({ folder, depth, skip }: Scan): Promise<Found> {
  const skips = namePattern(skip);
  const found: Found = { modules: [], problems: [] };
  const visit = async (path: string, parts: readonly string[], entries: readonly Dirent[]): Promise<void> => {
    const inside: Promise<void>[] = [];
    for (const entry of entries) {
      if (LEFT_OUT.test(entry.name) || skips(entry.name)) continue;
      const at = join(path, entry.name);
      if (entry.isDirectory()) inside.push(enter(at, [...parts, entry.name]));
      else if (entry.isFile()) add(fileModule(folder, at, parts));
    }
    await Promise.all(inside);
  };
  const enter = async (path: string, parts: readonly string[]): Promise<void> => {
    // First, since most folders of a large tree are packages, whose many files need not be listed.
    if (existsSync(join(path, 'package.json'))) return add(packageModule('javascript', folder, path, parts));
    const entries = await readdir(path, { withFileTypes: true }).catch((error: Error) => {
      found.problems.push(`${path} cannot be read: ${error.message}`);
      return [];
    });
    // npm keeps packages of a scope in a folder that says nothing of itself.
    const isScope = basename(path).startsWith('@');
    if (parts.length < depth || isScope) return visit(path, parts, entries);
    if (entries.some(({ name }) => name === '__init__.py')) add(packageModule('python', folder, path, parts));
  };
  const add = (one: FoundModule | undefined): void => {
    if (one && found.modules.length < MAX_MODULES) found.modules.push(one);
  };
  try {
    await visit(folder, [], await readdir(folder, { withFileTypes: true }));
  } catch (error) {
    found.problems.push(`the folder ${folder} of \`scan\` cannot be read: ${(error as Error).message}`);
  }
  if (found.modules.length === MAX_MODULES)
    found.problems.push(`${folder}: only the first ${MAX_MODULES} modules are looked at; set \`depth\` or \`skip\``);
  found.modules.sort((a, b) => (a.name < b.name ? -1 : 1));
  return found;
}

function fileModule(root: string, path: string, folders: readonly string[]): FoundModule | undefined {
  const extension = extname(path);
  const language = extension === '.py' ? 'python' : JAVASCRIPT.has(extension) ? 'javascript' : undefined;
  if (language === undefined) return undefined;
  const stem = basename(path, extension);
  const isFolderItself = stem === '__init__' && folders.length > 0;
  const parts = isFolderItself ? folders : [...folders, stem];
  return { name: nameOf(parts), module: { language, path, root, importName: parts.join('.'), isPackage: false } };
}

const packageModule = (
  language: ScannedModule['language'],
  root: string,
  path: string,
  parts: readonly string[],
): FoundModule => ({
  name: nameOf(parts),
  module: { language, path, root, importName: parts.join('.'), isPackage: true },
});

const nameOf = (parts: readonly string[]): string =>
  parts
    .map((part) => part.replace(/^@/, '').replaceAll(/[^A-Za-z0-9_-]/g, '_') || '_')
    .join('.')
    .slice(0, 200)
    .replace(/\.$/, '');
