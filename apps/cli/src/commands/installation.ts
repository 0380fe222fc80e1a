import type { Command } from 'commander';
import type { RunOptions } from '../run/run.js';
import { type CommandSet, positiveNumber } from './command.js';
import { duration } from './schedule-spec.js';

/** The commands about Purser itself. What `up`, `doctor` and `init` need is loaded only when they run: it takes a second. */
export function addInstallationCommands(program: Command, commands: CommandSet): void {
  commands
    .leaf(
      program,
      'up',
      'start everything in this process, with its own Postgres and nats-server, until Ctrl-C',
      [
        'purser up',
        'PURSER_DATABASE_URL=postgres://me:secret@db/purser purser up      # an existing Postgres',
        'PURSER_NATS_URL=nats://me:secret@bus:4222 purser up               # an existing NATS',
      ],
      async ({ terminal, options }) => (await import('../up/up.js')).up(terminal, options),
    )
    .addHelpText(
      'after',
      `
Ports, all on 127.0.0.1 (PURSER_BIND changes it for the services):
  PURSER_GATEWAY_PORT 8080, PURSER_API_PORT 8081, PURSER_WATCHDOG_PORT 8082, PURSER_RUNNER_PORT 8083,
  PURSER_OFFLOAD_PORT 8084, PURSER_NATS_PORT 4222, PURSER_POSTGRES_PORT 5433
Logs go to PURSER_HOME/logs/purser.log, warnings also to the terminal; PURSER_LOG_FORMAT=json or pretty sends all of
them to standard output instead.`,
    );

  commands
    .leaf<RunOptions>(
      program,
      'run',
      'start everything, work until there is nothing to do, hand off what still runs, and end',
      [
        'purser run --once --max-minutes 300',
        'PURSER_DATABASE_URL=postgres://me:secret@db/purser purser run --once --json --submit tasks.json',
      ],
      async ({ terminal, options }) => (await import('../run/run.js')).runOnce(terminal, options),
    )
    .requiredOption('--once', 'as said: one run, with an end (`purser up` goes on)')
    .option('--max-minutes <n>', 'hand off what still runs after so long', positiveNumber, 300)
    .option(
      '--submit <file>',
      'first hand in what it holds: a task as JSON, or an array of them; - reads standard input',
    )
    .option('--linger <time>', 'wait for what is due within so long, such as 90s or 5m', duration, 60)
    .option('--allow-embedded-database', 'also in CI, where it keeps nothing; never with budgets')
    .addHelpText(
      'after',
      `
Ends with code 0 when nothing is ready, running or due within --linger; when the time is over; when a budget over
everything that does not fall back to free models is used up; when an emergency holds; and on Ctrl-C or SIGTERM. What runs
then is wrapped up, and goes on from its checkpoint at the next run on the same database.`,
    );

  commands.leaf(
    program,
    'doctor',
    'check this machine and this installation, and say how to mend what is wrong',
    ['purser doctor', 'purser doctor --json'],
    async ({ terminal, print }) => (await import('../doctor/doctor.js')).doctor(terminal, print),
  );

  commands
    .leaf(
      program,
      'init',
      'make the secrets and the configuration of NATS, for services that run apart (compose)',
      ['PURSER_INIT_NATS_HOST=nats:4222 PURSER_INIT_POSTGRES_HOST=postgres:5432 purser init'],
      async ({ terminal, print }) => {
        const { init } = await import('../nats/init.js');
        const written = await init(terminal);
        print({ written }, () => written.map((file) => `${file}\n`).join(''));
      },
    )
    .addHelpText(
      'after',
      `
Writes what is missing into PURSER_HOME (secrets that are there stay) and prints the names of the files, never a secret.
  PURSER_INIT_NATS_HOST         where services reach NATS       (nats:4222)
  PURSER_INIT_PUBLIC_NATS_HOST  where other programs reach it   (127.0.0.1:4222)
  PURSER_INIT_NATS_STORE        JetStream's folder on its side  (/data)
  PURSER_INIT_POSTGRES_HOST     where services reach Postgres   (postgres:5432)
  PURSER_INIT_HOMES             a folder with a home for each service, under its name, that holds its own secrets alone
                                (all in PURSER_HOME)
  PURSER_INIT_NATS_HOME         a folder for nats.conf          (PURSER_HOME/secrets)
  PURSER_INIT_POSTGRES_HOME     also a folder with the password of Postgres' owner alone`,
    );

  commands
    .leaf(
      program,
      'init-database',
      'make a role and a schema for each service in Postgres, for services that run apart (compose)',
      ['PURSER_DATABASE_URL=postgres://owner:secret@db/purser purser init-database'],
      async ({ terminal, print }) => {
        const { initDatabase } = await import('../database/init-database.js');
        const written = await initDatabase(terminal);
        print({ written }, () => written.map((file) => `${file}\n`).join(''));
      },
    )
    .addHelpText(
      'after',
      `
Each service's role owns its schema and may nothing else; nobody else may connect to the database any more but its owner.
Changes only what is missing; a schema of another owner, with all that is in it, becomes the role's. Writes the roles' URLs
into secrets/<service>.database.url.
  PURSER_DATABASE_URL           the owner, who may create roles (what \`purser init\` wrote)
  PURSER_INIT_HOMES             as for \`purser init\``,
    );
}
