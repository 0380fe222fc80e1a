import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createGunzip } from 'node:zlib';

const CSV = /\.csv(\.gz)?$/i;
const MOST_FILES = 2_000;

export interface ExportFile {
  path: string;
  /** Differs when the file changed. */
  version: string;
}

/** The file, or all of the folder. Throws when there is none: nothing to read is not nothing spent. */
export async function exportFiles(path: string): Promise<ExportFile[]> {
  const at = resolve(path);
  const found = await stat(at).catch(() => undefined);
  if (!found) throw new Error(`there is no ${at}; put the export there, or correct "path"`);
  if (!found.isDirectory()) return [await withVersion(at)];
  const names = (await readdir(at, { recursive: true })).filter((name) => CSV.test(name)).sort();
  if (names.length === 0) throw new Error(`there is no .csv or .csv.gz in ${at}; export there, or correct "path"`);
  if (names.length > MOST_FILES)
    throw new Error(`there are ${names.length} files in ${at}, more than ${MOST_FILES}; move away what is old`);
  return Promise.all(names.map((name) => withVersion(join(at, name))));
}

async function withVersion(path: string): Promise<ExportFile> {
  const { mtimeMs, size, ino } = await stat(path);
  return { path, version: `${ino}-${mtimeMs}-${size}` };
}

export async function* textOf(path: string, signal: AbortSignal): AsyncGenerator<string> {
  const bytes = createReadStream(path, { signal });
  const plain = path.toLowerCase().endsWith('.gz') ? bytes.pipe(createGunzip()) : bytes;
  bytes.on('error', (error) => plain.destroy(error));
  plain.setEncoding('utf8');
  let first = true;
  for await (const chunk of plain as AsyncIterable<string>) {
    yield first ? chunk.replace(/^\uFEFF/, '') : chunk;
    first = false;
  }
}
