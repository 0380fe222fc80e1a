import type { ExitCode } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';
export function doctor(_t: Terminal, _p: (json: unknown, human: () => string) => void): Promise<ExitCode> {
  return Promise.resolve(0);
}
