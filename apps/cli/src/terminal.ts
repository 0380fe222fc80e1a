import { userInfo } from 'node:os';
import { styleText } from 'node:util';
import { asTyped, invocationOf } from './output/invocation.js';
import { type NpmOptions, npmOptionsOf } from './output/npm-options.js';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** All that a command knows of the process it runs in. */
export interface Terminal {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** Who runs it; the default for `--by`. */
  user: string;
  out: (text: string) => void;
  err: (text: string) => void;
  /** Coloured on a terminal, as it is elsewhere and under NO_COLOR. */
  style: (style: Style, text: string) => string;
  readInput: () => Promise<string>;
  /** Whether what is printed is looked at on a screen, which can be written over. */
  screen?: boolean;
  /** Replaces `purser ...` in a text of ours by what has to be typed here. */
  typed: (text: string) => string;
  /** Options that npm kept from us, when it started us. */
  npmOptions: NpmOptions;
}

export function processTerminal(): Terminal {
  const circumstances = { env: process.env, cwd: process.cwd(), script: process.argv[1] ?? '' };
  const invocation = invocationOf(circumstances);
  return {
    env: process.env,
    cwd: process.cwd(),
    user: process.env.USER || accountName(),
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    style: (style, text) => styleText(style, text, { stream: process.stdout }),
    readInput: async () => {
      let text = '';
      process.stdin.setEncoding('utf8');
      for await (const chunk of process.stdin) text += String(chunk);
      return text;
    },
    screen: process.stdout.isTTY,
    typed: (text) => asTyped(text, invocation),
    npmOptions: npmOptionsOf(circumstances),
  };
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`; // An account without an entry, as containers may have.
  }
}
