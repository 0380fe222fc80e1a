import { Arguments, TaskVariables, text } from '@purser/program-session';
import { z } from 'zod';

/** The input of a `command` task. */
export const CommandInput = z.strictObject({
  argv: Arguments,
  cwd: text('cwd')
    .min(1, 'must not be empty; leave it out to run in the workspace')
    .optional()
    .describe('where the program runs: a folder in the workspace, or an absolute path'),
  env: TaskVariables.optional(),
});
export type CommandInput = z.output<typeof CommandInput>;
