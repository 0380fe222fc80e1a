import { CommandInput } from './input.js';

const problems = (input: unknown) =>
  CommandInput.safeParse(input).error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);

describe('the input of a command task', () => {
  it('is taken as it is', () => {
    const input = { argv: ['claude', '-p', ''], cwd: '/srv/site', env: { _A1: '' } };
    expect(CommandInput.parse(input)).toEqual(input);
    expect(CommandInput.parse({ argv: ['true'] })).toEqual({ argv: ['true'] });
  });

  it.each([
    [{}, 'argv: the program and its arguments as a list, such as ["claude", "-p", "fix the build"]'],
    [{ argv: 'ls -l' }, 'argv: the program and its arguments as a list, such as ["claude", "-p", "fix the build"]'],
    [{ argv: [] }, 'argv: must name a program, such as ["sh", "-c", "echo hello"]'],
    [{ argv: [''] }, 'argv: the first element must name a program, it is empty'],
    [{ argv: ['echo', 7] }, 'argv.1: an argument must be a string'],
    [{ argv: ['echo', 'a\0b'] }, 'argv.1: an argument must hold no NUL character'],
    [{ argv: ['true'], cwd: '' }, 'cwd: must not be empty; leave it out to run in the workspace'],
    [{ argv: ['true'], env: ['A=1'] }, 'env: an object of variables, such as {"LOG_LEVEL": "debug"}'],
    [{ argv: ['true'], env: { A: 1 } }, 'env.A: the value of a variable must be a string'],
    [
      { argv: ['true'], env: { 'A-B': '1' } },
      'env.A-B: "A-B" is no name of a variable (letters, digits and "_", not starting with a digit)',
    ],
    [
      { argv: ['true'], env: { PURSER_EPOCH: '9' } },
      "env.PURSER_EPOCH: PURSER_EPOCH cannot be set: names that start with PURSER_ are Purser's own",
    ],
    [
      { argv: ['true'], env: { OPENAI_API_KEY: 'sk' } },
      'env.OPENAI_API_KEY: OPENAI_API_KEY cannot be set: each session gets its own, so that what it spends is metered',
    ],
  ])('%j is refused', (input, problem) => {
    expect(problems(input)).toEqual([problem]);
  });

  it('refuses fields that it does not know', () => {
    expect(problems({ argv: ['true'], environment: {} })).toEqual([expect.stringContaining('environment')]);
  });
});
