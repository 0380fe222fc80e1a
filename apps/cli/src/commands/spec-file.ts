import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { PurserError, type TaskSpecInput } from '@purser/contracts';
import type { Terminal } from '../terminal.js';

/** A task as a file, or standard input for `-`, has it. */
export async function specFromFile(path: string, terminal: Terminal): Promise<TaskSpecInput> {
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
    return JSON.parse(text) as TaskSpecInput;
  } catch (cause) {
    throw new PurserError('invalid_request', { message: `${where} is not JSON: ${(cause as Error).message}`, cause });
  }
}
