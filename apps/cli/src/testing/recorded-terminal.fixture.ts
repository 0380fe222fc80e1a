import type { Terminal } from '../terminal.js';

export interface RecordedTerminal extends Terminal {
  printed: { out: string; err: string };
}

/** A terminal without colours that keeps what was printed, for specs. */
export function recordedTerminal(given: Partial<Terminal> = {}): RecordedTerminal {
  const printed = { out: '', err: '' };
  return {
    env: {},
    cwd: '/nowhere',
    user: 'ada',
    out: (text) => (printed.out += text),
    err: (text) => (printed.err += text),
    style: (_, text) => text,
    readInput: () => Promise.resolve(''),
    typed: (text) => text,
    npmOptions: new Map(),
    ...given,
    printed,
  };
}
