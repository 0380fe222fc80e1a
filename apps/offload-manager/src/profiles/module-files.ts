import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { ScannedModule } from '../components/module.js';

/** A package stands for so many of its files, those nearest to its folder first. */
const MAX_FILES = 200;

/** What a module's profile is made from. */
export interface ModuleFiles {
  /** That are read as sources. */
  sources: string[];
  /** Everything that must be as it was for the profile to hold: sources, manifests, and folders that could have gained files. */
  watched: string[];
  /** What a manifest says it needs. */
  dependencies: string[];
  /** That is imported to measure it; undefined when there is nothing to import. */
  entry: string | undefined;
}

export async function moduleFiles({ language, path, isPackage }: ScannedModule): Promise<ModuleFiles> {
  if (!isPackage) return { sources: [path], watched: [path], dependencies: [], entry: path };
  return language === 'python' ? pythonPackage(path) : npmPackage(path);
}

async function pythonPackage(folder: string): Promise<ModuleFiles> {
  const sources: string[] = [];
  const folders: string[] = [];
  const queue = [folder];
  for (let at = queue.shift(); at !== undefined && sources.length < MAX_FILES; at = queue.shift()) {
    const entries = await readdir(at, { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    folders.push(at);
    for (const entry of entries) {
      if (entry.isFile() && entry.name.endsWith('.py')) sources.push(join(at, entry.name));
      else if (entry.isDirectory() && !/^(\.|__pycache__$|tests?$)/.test(entry.name)) queue.push(join(at, entry.name));
    }
  }
  const kept = sources.slice(0, MAX_FILES);
  return { sources: kept, watched: [...kept, ...folders], dependencies: [], entry: join(folder, '__init__.py') };
}

const Manifest = z.object({
  main: z.string().optional().catch(undefined),
  module: z.string().optional().catch(undefined),
  exports: z.unknown(),
  dependencies: z.record(z.string(), z.unknown()).optional().catch(undefined),
});

/** By its manifest and the file that `import` of it loads: an installed version does not change otherwise. */
async function npmPackage(folder: string): Promise<ModuleFiles> {
  const manifestPath = join(folder, 'package.json');
  const manifest = Manifest.safeParse(jsonOf(await readFile(manifestPath, 'utf8'))).data;
  const dependencies = Object.keys(manifest?.dependencies ?? {});
  const named = exportedFile(manifest?.exports) ?? manifest?.module ?? manifest?.main ?? 'index.js';
  const entry = await firstFile([named, `${named}.js`, join(named, 'index.js')].map((one) => join(folder, one)));
  const sources = entry === undefined ? [] : [entry];
  return { sources, watched: [manifestPath, ...sources], dependencies, entry };
}

/** What `import` takes of a manifest's `exports`, for the package itself. */
function exportedFile(exports: unknown): string | undefined {
  if (typeof exports === 'string') return exports;
  if (Array.isArray(exports)) return exportedFile(exports[0]);
  if (typeof exports !== 'object' || exports === null) return undefined;
  const conditions = exports as Record<string, unknown>;
  if ('.' in conditions) return exportedFile(conditions['.']);
  for (const one of ['node', 'import', 'require', 'default']) {
    const found = exportedFile(conditions[one]);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function firstFile(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if ((await stat(path).catch(() => undefined))?.isFile()) return path;
  return undefined;
}

/**
 * Sizes and times of change: the same as long as nobody touched any of them. Undefined when one is gone. Not through the
 * thread pool, which takes twenty times as long for thousands of files: whoever asks for many gives way between them.
 */
export function stampOf(watched: readonly string[]): string | undefined {
  const parts: string[] = [];
  for (const path of watched) {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return undefined;
    parts.push(`${found.isDirectory() ? 'd' : found.size}:${found.mtimeMs}`);
  }
  return parts.join(' ');
}

/** Of everything that is read, whatever the times say. */
export async function contentOf({ watched }: ModuleFiles): Promise<string> {
  const hash = createHash('sha256');
  for (const path of watched) {
    const content = await readFile(path).catch(() => undefined);
    if (content) hash.update(`${basename(dirname(path))}/${basename(path)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
