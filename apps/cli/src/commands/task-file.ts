import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { PurserError, type TaskSpecInput } from '@purser/contracts';
import type { Terminal } from '../terminal.js';

/** What a file holds: one task, or several as an array or as lines of JSON. A line that is none is left as it is. */
export type TaskFile = { one: TaskSpecInput } | { several: unknown[] };

export async function readTaskFile(path: string, terminal: Terminal): Promise<TaskFile> {
  const where = path === '-' ? 'standard input' : path;
  let text: string;
  try {
    text = path === '-' ? await terminal.readInput() : await readFile(resolve(terminal.cwd, path), 'utf8');
  } catch (cause) {
    throw new PurserError('invalid_request', {
      message: `${where} cannot be read: ${(cause as Error).message}`,
      cause,
    });
  }
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? { several: value as unknown[] } : { one: value as TaskSpecInput };
  } catch (cause) {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    const several = lines.map(lineOf);
    if (lines.length > 1 && typeof several[0] === 'object') return { several };
    throw new PurserError('invalid_request', { message: `${where} is not JSON: ${(cause as Error).message}`, cause });
  }
}

function lineOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

/** Of a command that takes one task. */
export async function specFromFile(path: string, terminal: Terminal): Promise<TaskSpecInput> {
  const file = await readTaskFile(path, terminal);
  if ('one' in file) return file.one;
  throw new PurserError('invalid_request', { message: `${path} holds several tasks; this takes one.` });
}
