import { pumpLines, Tail } from '@purser/guard';
import { z } from 'zod';
import { defineTool } from '../tools/arguments.js';
import { Excerpt } from '../tools/excerpt.js';
import { type Tool, ToolError } from '../tools/tool.js';
import type { SessionPrograms } from './session-programs.js';

/** A flood would push everything else out of the log. */
const MOST_LOGGED = 1_000;
const STANDARD_SECONDS = 120;
const MOST_SECONDS = 3_600;
/** Between SIGTERM and SIGKILL for a command that takes too long. */
const GRACE_MS = 2_000;

const command = z
  .string()
  .min(1)
  .max(100_000)
  .refine((text) => !text.includes('\0'), 'must hold no NUL character');

/** Runs a shell command in the workspace; all that it started is gone when it answers. */
export function shellTool(programs: SessionPrograms, log: (line: string) => void | Promise<void>): Tool {
  return defineTool({
    name: 'run_command',
    description:
      'Runs a command with /bin/sh in the workspace and answers with its exit code and output. It has no input. ' +
      'When it ends, all that it started in the background is killed.',
    reads: false,
    schema: z.strictObject({
      command: command.describe('such as "npm test"'),
      timeoutSeconds: z.number().positive().max(MOST_SECONDS).default(STANDARD_SECONDS),
    }),
    run: async ({ command: line, timeoutSeconds }, { signal, most }) => {
      signal.throwIfAborted();
      const { program, output } = await programs.start(['/bin/sh', '-c', line], {});
      const shown = new Excerpt(Math.max(200, most - 200));
      const tail = new Tail(1);
      let lines = 0;
      // Waited for: so a command that floods is slowed down instead of filling memory.
      const take = (text: string): void | Promise<void> => {
        shown.add(`${text}\n`);
        lines += 1;
        if (lines > MOST_LOGGED) return undefined;
        return log(lines === MOST_LOGGED ? '(the rest of the output is not logged)' : text);
      };
      const printed = Promise.all([pumpLines(output.stdout, tail, take), pumpLines(output.stderr, tail, take)]);
      printed.catch(() => undefined);
      let cut: string | undefined;
      let last: NodeJS.Timeout | undefined;
      const end = (why: string): void => {
        cut ??= why;
        program.terminate();
        last ??= setTimeout(() => program.kill(), GRACE_MS);
      };
      const timer = setTimeout(() => end(`it took longer than ${timeoutSeconds} s`), timeoutSeconds * 1000);
      const stop = (): void => {
        cut ??= 'the session ends';
        program.kill();
      };
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      try {
        const ended = await program.ended;
        if (program.survivors === 0) await printed;
        const text = shown.toString();
        if (ended.kind === 'unstarted') throw new ToolError(`the shell could not be started: ${ended.message}`);
        const how = ended.kind === 'exited' ? (ended.signal ?? `exit code ${ended.code}`) : 'it was killed';
        if (cut !== undefined) return { failed: true, text: `the command was stopped: ${cut}\n${text}` };
        return { failed: how !== 'exit code 0', text: `${how}\n${text}` };
      } finally {
        clearTimeout(timer);
        clearTimeout(last);
        signal.removeEventListener('abort', stop);
        output.destroy();
      }
    },
  });
}
