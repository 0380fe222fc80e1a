import type { ConfinedFolder, Entry } from './confined-folder.js';

const MOST_ENTRIES = 1_000;
/** Of no use to a model, and huge. */
export const UNENTERED = new Set(['.git', 'node_modules', '.venv', '__pycache__']);

export interface Found extends Entry {
  /** From the folder that the walk began at. */
  path: string;
}

/** Everything below a folder, in the order of its names; what cannot be read is left out. */
export async function* below(
  folder: ConfinedFolder,
  from: string,
  depth: number,
  signal: AbortSignal,
): AsyncGenerator<Found> {
  async function* level(prefix: string, left: number): AsyncGenerator<Found> {
    const entries = await folder.list(`${from}/${prefix}`).catch((error: unknown) => {
      if (prefix === '') throw error;
      return [];
    });
    for (const entry of entries) {
      signal.throwIfAborted();
      const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      yield { ...entry, path };
      if (entry.kind === 'folder' && left > 1 && !UNENTERED.has(entry.name)) yield* level(path, left - 1);
    }
  }
  yield* level('', depth);
}

const MARKS: Record<Entry['kind'], string> = { folder: '/', file: '', link: '@', other: '?' };

export async function listTree(
  folder: ConfinedFolder,
  { path, depth }: { path: string; depth: number },
  signal: AbortSignal,
): Promise<string> {
  const lines: string[] = [];
  for await (const { path: name, kind } of below(folder, path, depth, signal)) {
    if (lines.length === MOST_ENTRIES) {
      lines.push(`(more than ${MOST_ENTRIES} entries; list a folder below, or less deep)`);
      break;
    }
    lines.push(name + MARKS[kind]);
  }
  return lines.length === 0 ? '(nothing in it)' : lines.join('\n');
}
