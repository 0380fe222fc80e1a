import { run } from './program.js';
import { recordedTerminal } from './testing/recorded-terminal.fixture.js';

describe('the command line', () => {
  it.each([
    ['no command', [], 2, /Usage: purser/],
    ['an unknown command', ['fly'], 2, /unknown command 'fly'/],
    ['an unknown option', ['task', 'list', '--colour'], 2, /unknown option '--colour'/],
    ['a missing argument', ['task', 'get'], 2, /missing required argument 'id'/],
    ['a missing reason', ['emergency', 'trigger'], 2, /required option '--reason <text>'/],
    ['a value that is no number', ['task', 'submit', '--priority', 'high', '--', 'date'], 2, /whole number/],
    ['nothing to do', ['task', 'submit'], 2, /What is to be done/],
    ['a period that there is not', ['budget', 'set', 'b', '--period', 'year'], 2, /day, week, month, total/],
    ['a release without a reason', ['budget', 'release', 'g1'], 2, /required option '--reason <text>'/],
    ['a key without a name', ['key', 'create'], 2, /missing required argument 'name'/],
    ['a key command that there is not', ['key', 'make'], 2, /too many arguments/],
    ['an end that is none', ['key', 'create', 'x', '--expires', 'soon'], 2, /30d/],
    ['a run without an end', ['run'], 2, /required option '--once'/],
    ['a schedule without a name', ['schedule', 'create', '--every', '4h'], 2, /What is its name/],
    ['a time that is none', ['schedule', 'create', 'x', '--every', 'often', '--', 'date'], 2, /90s, 30m, 4h or 1d/],
    [
      'a rule that there is not',
      ['schedule', 'create', 'x', '--overlap', 'both', '--', 'date'],
      2,
      /skip, queue, cancel/,
    ],
    ['a wrong API URL', ['task', 'list'], 2, /PURSER_API_URL is not valid/],
  ])('ends with code 2 for %s, and says what is wrong on stderr alone', async (_, argv, code, message) => {
    const terminal = recordedTerminal({ env: { PURSER_API_URL: 'ftp://x' } });
    expect(await run(argv, terminal)).toBe(code);
    expect(terminal.printed.err).toMatch(message);
    expect(terminal.printed.out).toBe('');
  });

  it('has help with examples for every command', async () => {
    const commands = [
      'up',
      'run',
      'doctor',
      'key',
      'key create',
      'key list',
      'key show',
      'key update',
      'key revoke',
      'init',
      'call show',
      'prices list',
      'sources list',
      'sources read',
      'status',
      'task submit',
      'task list',
      'task get',
      'task logs',
      'task cancel',
      'task estimate',
      'task record',
      'task records',
      'figures',
      'schedule create',
      'schedule update',
      'schedule list',
      'schedule show',
      'schedule delete',
      'schedule pause',
      'schedule resume',
      'schedule trigger',
      'task effects',
      'task watch',
      'events',
      'task signal',
      'task signals',
      'task dead',
      'task retry',
      'task pause',
      'task resume',
      'budget list',
      'budget set',
      'budget delete',
      'budget presumed',
      'budget release',
      'emergency status',
      'emergency trigger',
      'emergency reset',
      'alerts list',
      'alerts channels',
      'alerts test',
    ];
    for (const command of commands) {
      const terminal = recordedTerminal();
      expect(await run([...command.split(' '), '--help'], terminal)).toBe(0);
      expect(terminal.printed.out).toContain(`Usage: purser ${command}`);
      expect(terminal.printed.out).toMatch(/Examples:\n {2}\$ .*purser/);
      expect(terminal.printed.out).toContain('--json');
    }
  });

  it('documents its exit codes and prints its version', async () => {
    const terminal = recordedTerminal();
    expect(await run(['--help'], terminal)).toBe(0);
    expect(terminal.printed.out).toMatch(/Exit codes:\n {2}0 {2}done\n {2}1 {2}failed/);
    expect(await run(['--version'], terminal)).toBe(0);
    expect(terminal.printed.out).toContain('0.1.0');
  });
});
