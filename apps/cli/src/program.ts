import { Command, CommanderError } from 'commander';
import { addAlertsCommands } from './commands/alerts.js';
import { addCallCommands } from './commands/call.js';
import { CommandSet, type Outcome } from './commands/command.js';
import { addBudgetCommands } from './commands/budget.js';
import { addComponentsCommands } from './commands/components.js';
import { addCostsCommand } from './commands/costs.js';
import { addEmergencyCommands } from './commands/emergency.js';
import { addFiguresCommand } from './commands/figures.js';
import { addInstallationCommands } from './commands/installation.js';
import { addEventsCommand } from './commands/events.js';
import { addKeyCommands } from './commands/key.js';
import { addLabelsCommands } from './commands/labels.js';
import { addLedgerCommands } from './commands/ledger.js';
import { addOffloadCommands } from './commands/offload.js';
import { addPricesCommands } from './commands/prices.js';
import { addScheduleCommands } from './commands/schedule.js';
import { addSourcesCommands } from './commands/sources.js';
import { addSpikeCommands } from './commands/spikes.js';
import { addStatusCommand } from './commands/status.js';
import { addTaskCommands } from './commands/task.js';
import { addVmsCommands } from './commands/vms.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { takenByNpm } from './output/npm-options.js';
import type { Terminal } from './terminal.js';

const VERSION = '0.1.0';

const EPILOGUE = `
Environment:
  PURSER_API_URL     control API to talk to          (http://127.0.0.1:8081)
  PURSER_ADMIN_KEY   its key                         (read from PURSER_HOME/admin.key)
  PURSER_HOME        data folder                     (.purser in the current folder)
  PURSER_CONFIG_DIR  configuration folder            (config in the current folder)

Exit codes:
  0  done
  1  failed: the task, a check, or the request was refused
  2  the command line or the input is wrong
  3  Purser, or the service that is needed, does not answer
  130  interrupted

Examples:
  $ purser up
  $ purser task submit --wait -- echo hello
  $ purser status`;

/** Runs one command line. Never throws; resolves with the exit code. */
export async function run(argv: string[], terminal: Terminal): Promise<ExitCode> {
  const outcome: Outcome = { code: EXIT.ok };
  try {
    const program = createProgram(terminal, outcome);
    const taken = takenByNpm(program, argv, terminal.npmOptions);
    if (taken !== undefined) {
      terminal.err(`${terminal.typed(taken)}\n`);
      return EXIT.usage;
    }
    await program.parseAsync(argv, { from: 'user' });
    return outcome.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    terminal.err(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT.failed;
  }
}

function createProgram(terminal: Terminal, outcome: Outcome): Command {
  const program = new Command('purser')
    .description('Keeps AI agents working around the clock and never lets the bill run away.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    // What stands after a command's name is that command's: `key --json` and `key list --json` are two things.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(terminal.typed(text)),
      writeErr: (text) => terminal.err(terminal.typed(text)),
    })
    .addHelpText('after', EPILOGUE);
  const commands = new CommandSet(terminal, outcome);
  addInstallationCommands(program, commands);
  addStatusCommand(program, commands);
  addTaskCommands(program, commands);
  addFiguresCommand(program, commands);
  addScheduleCommands(program, commands);
  addEventsCommand(program, commands);
  addCostsCommand(program, commands);
  addBudgetCommands(program, commands);
  addLabelsCommands(program, commands);
  addLedgerCommands(program, commands);
  addSpikeCommands(program, commands);
  addKeyCommands(program, commands);
  addCallCommands(program, commands);
  addPricesCommands(program, commands);
  addSourcesCommands(program, commands);
  addComponentsCommands(program, commands);
  addOffloadCommands(program, commands);
  addVmsCommands(program, commands);
  addEmergencyCommands(program, commands);
  addAlertsCommands(program, commands);
  pointToHelp(program, 'purser');
  return program;
}

/** With the whole command line: through npm it needs a `--` that nobody guesses. */
function pointToHelp(command: Command, line: string): void {
  command.showHelpAfterError(`(\`${line} --help\` shows the options and examples)`);
  for (const one of command.commands) pointToHelp(one, `${line} ${one.name()}`);
}
