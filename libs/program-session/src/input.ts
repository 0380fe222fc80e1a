import { z } from 'zod';

/** What the gateway session gives; a task that set them itself would escape metering. */
const GATEWAY_VARIABLES = ['OPENAI_BASE_URL', 'OPENAI_API_KEY', 'ANTHROPIC_BASE_URL', 'ANTHROPIC_API_KEY'];

export const text = (what: string) =>
  z.string(`${what} must be a string`).refine((value) => !value.includes('\0'), `${what} must hold no NUL character`);

/** The variables that a task may set for its program. */
export const TaskVariables = z
  .record(z.string(), text('the value of a variable'), 'an object of variables, such as {"LOG_LEVEL": "debug"}')
  .superRefine((variables, context) => {
    for (const name of Object.keys(variables)) {
      const refuse = (message: string) => context.addIssue({ code: 'custom', path: [name], message });
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
        refuse(`"${name}" is no name of a variable (letters, digits and "_", not starting with a digit)`);
      } else if (name.startsWith('PURSER_')) {
        refuse(`${name} cannot be set: names that start with PURSER_ are Purser's own`);
      } else if (GATEWAY_VARIABLES.includes(name)) {
        refuse(`${name} cannot be set: each session gets its own, so that what it spends is metered`);
      }
    }
  })
  .describe('an object of variables, such as {"LOG_LEVEL": "debug"}');

/** A program and its arguments. */
export const Arguments = z
  .array(text('an argument'), 'the program and its arguments as a list, such as ["claude", "-p", "fix the build"]')
  .min(1, 'must name a program, such as ["sh", "-c", "echo hello"]')
  .max(10_000, 'at most 10000 arguments; put the rest into a file')
  .refine((argv) => argv.length === 0 || argv[0] !== '', 'the first element must name a program, it is empty')
  .describe('the program and its arguments as a list, such as ["claude", "-p", "fix the build"]');
