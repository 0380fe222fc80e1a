import { isUtf8 } from 'node:buffer';
import { matchesGlob, posix } from 'node:path';
import { createContext, Script } from 'node:vm';
import { ToolError } from '../tools/tool.js';
import type { ConfinedFolder } from './confined-folder.js';
import { below } from './list-tree.js';

const MOST_FILES = 20_000;
const FILE_BYTES = 1024 * 1024;
const MOST_MATCHES = 500;
const LINE_SHOWN = 300;
/** A pattern that backtracks for ever must not stop the runner: it is ended from outside. */
const FILE_MS = 100;
const ALL_MS = 2_000;

export interface Search {
  pattern: string;
  regex: boolean;
  ignoreCase: boolean;
  path: string;
  files?: string | undefined;
}

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** Numbers of the lines of a text that match, from 1 on. */
class LineFinder {
  private readonly context: { text: string; pattern: RegExp };
  private readonly script = new Script(
    'text.split("\\n").flatMap((line, index) => (pattern.test(line) ? [index + 1] : [])).slice(0, 1000).join(" ")',
  );
  private leftMs = ALL_MS;

  constructor({ pattern, regex, ignoreCase }: Search) {
    try {
      this.context = { text: '', pattern: new RegExp(regex ? pattern : escaped(pattern), ignoreCase ? 'iu' : 'u') };
    } catch (error) {
      throw new ToolError(`the pattern is no regular expression: ${(error as Error).message}`);
    }
    createContext(this.context);
  }

  find(text: string): number[] {
    this.context.text = text;
    const before = performance.now();
    try {
      const timeout = Math.max(1, Math.min(FILE_MS, Math.ceil(this.leftMs)));
      const found = String(this.script.runInContext(this.context, { timeout }));
      return found === '' ? [] : found.split(' ').map(Number);
    } catch (error) {
      const slow = (error as { code?: unknown }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
      throw slow ? new ToolError('the pattern takes too long; search for something simpler') : error;
    } finally {
      this.leftMs -= performance.now() - before;
    }
  }
}

const wanted = (path: string, glob: string | undefined): boolean =>
  glob === undefined || matchesGlob(path, glob) || matchesGlob(posix.basename(path), glob);

export async function searchFiles(
  folder: ConfinedFolder,
  search: Search,
  { signal, most }: { signal: AbortSignal; most: number },
): Promise<string> {
  const finder = new LineFinder(search);
  const lines: string[] = [];
  let size = 0;
  let files = 0;
  for await (const { path, kind } of below(folder, search.path, 40, signal)) {
    if (kind !== 'file' || !wanted(path, search.files)) continue;
    if ((files += 1) > MOST_FILES) return [...lines, `(stopped after ${MOST_FILES} files)`].join('\n');
    const shown = posix.join(search.path, path);
    const seen = await folder.read(shown, FILE_BYTES).catch(() => undefined);
    if (!seen || !isUtf8(seen.bytes) || seen.bytes.includes(0)) continue;
    const text = seen.bytes.toString('utf8');
    const found = finder.find(text);
    const all = found.length === 0 ? [] : text.split('\n');
    for (const number of found) {
      const line = `${shown}:${number}: ${all[number - 1]!.slice(0, LINE_SHOWN)}`;
      size += line.length + 1;
      if (lines.length >= MOST_MATCHES || size > most - 100) {
        return [...lines, `(there are more matches; search for something rarer, or in fewer files)`].join('\n');
      }
      lines.push(line);
    }
  }
  return lines.length === 0 ? `nothing found in ${files} files` : lines.join('\n');
}
