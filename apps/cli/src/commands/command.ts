import { isPurserError } from '@purser/contracts';
import { Command, InvalidArgumentError } from 'commander';
import { type ControlApi, controlApi } from '../api/control-api.js';
import { EXIT, type ExitCode, exitCodeOf } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';

/** What a command's action works with. */
export interface Invocation<Options = object> {
  terminal: Terminal;
  options: Options & { json?: boolean };
  api: () => ControlApi;
  /** Prints the JSON when `--json` was given, else what `human` makes. */
  print: (json: unknown, human: () => string) => void;
}

export type Action<Options> = (invocation: Invocation<Options>, args: string[]) => Promise<ExitCode | void>;

/** Where the exit code of the command that ran ends up. */
export interface Outcome {
  code: ExitCode;
}

const REMEDIES: Partial<Record<string, string>> = {
  unauthorized: 'The key is that of another data folder, perhaps: see PURSER_HOME and PURSER_ADMIN_KEY.',
  emergency: '`purser emergency status` tells why; `purser emergency reset --reason "..."` ends it.',
};

/** Adds commands that share `--json`, the way errors are shown, and exit codes. */
export class CommandSet {
  constructor(
    private readonly terminal: Terminal,
    private readonly outcome: Outcome,
  ) {}

  leaf<Options>(parent: Command, usage: string, summary: string, examples: string[], action: Action<Options>): Command {
    const command = parent.command(usage).description(summary).option('--json', 'print JSON, and nothing else');
    if (examples.length > 0) {
      command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`);
    }
    return command.action(async (...received: unknown[]) => {
      const args = received
        .slice(0, -2)
        .flat()
        .filter((value) => value !== undefined) as string[];
      await this.run(command.opts<Options & { json?: boolean }>(), args, action);
    });
  }

  private async run<Options>(options: Options & { json?: boolean }, args: string[], action: Action<Options>) {
    const { terminal } = this;
    let api: ControlApi | undefined;
    const invocation: Invocation<Options> = {
      terminal,
      options,
      api: () => (api ??= controlApi(terminal)),
      print: (json, human) => terminal.out(options.json ? `${JSON.stringify(json, null, 2)}\n` : human()),
    };
    try {
      this.outcome.code = (await action(invocation, args)) ?? EXIT.ok;
    } catch (error) {
      this.outcome.code = exitCodeOf(error);
      terminal.err(
        options.json ? `${JSON.stringify({ error: asJson(error) })}\n` : `${terminal.typed(describe(error))}\n`,
      );
    }
  }
}

function asJson(error: unknown): unknown {
  if (isPurserError(error)) return { code: error.code, message: error.message, details: error.details };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error), details: {} };
}

/** What went wrong and how to mend it, for a person. */
export function describe(error: unknown): string {
  if (isPurserError(error)) {
    const remedy = REMEDIES[error.code];
    return remedy === undefined || error.message.includes('PURSER_ADMIN_KEY')
      ? error.message
      : `${error.message}\n${remedy}`;
  }
  return error instanceof Error ? error.message : String(error);
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number above zero.');
  return value;
}

export const collect = (text: string, before: string[] = []): string[] => [...before, text];
