import {
  PurserError,
  type Task,
  tasksCancel,
  tasksCreate,
  tasksGet,
  tasksList,
  type TaskState,
} from '@purser/contracts';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import { predictionText } from '../output/records.js';
import { taskTable, taskText } from '../output/tasks.js';
import type { Terminal } from '../terminal.js';
import { collect, type CommandSet, positiveNumber, wholeNumber } from './command.js';
import { submitSeveral } from './task-batch.js';
import { readTaskFile } from './task-file.js';
import { addTaskEffects } from './task-effects.js';
import { addTaskRecordCommands } from './task-records.js';
import { addDeadLetterCommands } from './dead-letters.js';
import { addTaskControlCommands } from './task-control.js';
import { addTaskFollowCommand } from './task-follow.js';
import { printLogs, waitForTask } from './task-watch.js';
import { type SubmitOptions, taskSpec } from './task-spec.js';
import { addTaskWorthCommands } from './task-worth.js';

export function addTaskCommands(program: Command, commands: CommandSet): void {
  const task = program.command('task').description('work for agents: submit it, follow it, cancel it');
  addSubmit(task, commands);
  addTaskWorthCommands(task, commands);
  addTaskEffects(task, commands);
  addTaskRecordCommands(task, commands);
  addTaskFollowCommand(task, commands);
  addTaskControlCommands(task, commands);
  addDeadLetterCommands(task, commands);

  commands.leaf(
    task,
    'get <id>',
    'one task with its sessions, spend, progress and result',
    ['purser task get nightly-review', 'purser task get nightly-review --json | jq .result'],
    async ({ api, print, terminal }, [id = '']) => {
      const { reply, json } = await api().ask(tasksGet, { id });
      print(json, () => taskText(reply, terminal));
    },
  );

  commands
    .leaf<{ state?: TaskState; label?: string; parent?: string; limit: number; after?: string }>(
      task,
      'list',
      'tasks, newest first',
      ['purser task list', 'purser task list --state running', 'purser task list --label nightly --limit 200'],
      async ({ api, print, terminal, options: { limit, state, label, parent, after } }) => {
        const chosen = { ...(state && { state }), ...(label && { label }), ...(parent && { parent }) };
        const request = { limit, ...chosen, ...(after && { after }) };
        const { reply, json } = await api().ask(tasksList, request);
        const more = reply.next === null ? '' : terminal.typed(`More: purser task list --after ${reply.next}\n`);
        print(json, () =>
          reply.tasks.length === 0 ? 'No tasks.\n' : taskTable(reply.tasks, new Date(), terminal) + more,
        );
      },
    )
    .option('--state <state>', 'blocked, ready, running, paused, completed, failed or cancelled')
    .option('--label <label>', 'only with this label')
    .option('--parent <id>', 'only the parts of this task')
    .option('--limit <n>', 'how many', wholeNumber, 50)
    .option('--after <place>', 'go on from where the last list ended');

  commands
    .leaf<{ follow?: boolean; after: number }>(
      task,
      'logs <id>',
      'what its sessions printed, oldest first',
      ['purser task logs nightly-review', 'purser task logs nightly-review --follow'],
      async (invocation, [id = '']) => {
        await printLogs(invocation, id);
      },
    )
    .option('-f, --follow', 'go on until the task has ended')
    .option('--after <seq>', 'only lines after this one', wholeNumber, 0);

  commands
    .leaf<{ keepChildren?: boolean }>(
      task,
      'cancel <id>',
      'stop it and its parts; a running session is wrapped up first',
      ['purser task cancel nightly-review', 'purser task cancel nightly-review --keep-children'],
      async ({ api, print, terminal, options }, [id = '']) => {
        const { reply, json } = await api().ask(tasksCancel, { id, children: !options.keepChildren });
        print(json, () =>
          reply.state === 'cancelled' ? `${id} is cancelled\n` : `${id} is asked to stop\n${taskText(reply, terminal)}`,
        );
      },
    )
    .option('--keep-children', 'leave the tasks that are parts of it to themselves');
}

function addSubmit(task: Command, commands: CommandSet): void {
  commands
    .leaf<SubmitOptions & { file?: string; wait?: boolean }>(
      task,
      'submit [argv...]',
      'hand in a task; the program and its arguments go after --',
      [
        'purser task submit -- sh -c "echo hello"',
        'purser task submit --id nightly --budget 1.50 --priority 7 --label x --tokens 50000 -- claude -p "review"',
        'purser task submit --file task.json --wait',
        'purser task submit --file tasks.jsonl',
        'jq -n \'{executor:"command",input:{argv:["date"]}}\' | purser task submit --file -',
      ],
      async (invocation, argv) => {
        const { api, print, terminal, options } = invocation;
        if (options.file !== undefined && argv.length > 0) {
          throw new PurserError('invalid_request', { message: 'Give either --file or a program after --, not both.' });
        }
        const given =
          options.file === undefined ? { one: taskSpec(options, argv) } : await readTaskFile(options.file, terminal);
        if ('several' in given) {
          if (!options.wait) return submitSeveral(invocation, given.several);
          throw new PurserError('invalid_request', { message: '--wait waits for one task; the file holds several.' });
        }
        const spec = given.one;
        const { reply, json } = await api().ask(tasksCreate, spec);
        if (!options.wait) {
          print(json, () => submitted(reply, terminal));
          return EXIT.ok;
        }
        if (!options.json) terminal.err(submitted(reply, terminal));
        return waitForTask(invocation, reply.id);
      },
    )
    .option('--executor <name>', 'the plugin that does the work', 'command')
    .option('--input <json>', 'what the executor is to do, when it is not a program to run')
    .option('--cwd <folder>', 'where the program runs (default: a workspace of the task)')
    .option('--env <name=value>', 'for the program; may be repeated', collect)
    .option('--id <id>', 'the same id twice is one task (default: made up)')
    .option('--budget <usd>', 'hard limit over all sessions, such as 1.50')
    .option('--paid-only', 'wait for its budgets instead of going on with free models')
    .option('--priority <0-9>', '9 goes first (5)', wholeNumber)
    .option('--label <label>', 'may be repeated', collect)
    .option('--project <name>', 'whose budget counts')
    .option('--depends-on <id>', 'must be completed first; may be repeated', collect)
    .option('--parent <id>', 'the task that this one is a part of; its budgets count for this one too')
    .option('--tokens <n>', 'limit per session', wholeNumber)
    .option('--requests <n>', 'limit per session', wholeNumber)
    .option('--seconds <n>', 'limit per session', positiveNumber)
    .option('--memory-mb <n>', 'limit per session', positiveNumber)
    .option('--max-sessions <n>', 'how many sessions it may take (100)', wholeNumber)
    .option('--retries <n>', 'how often a failed session is tried again (0)', wholeNumber)
    .option('--not-before <time>', 'such as 2026-12-01T22:00:00Z')
    .option('--deadline <time>', 'fails when it is not done by then')
    .option(
      '--file <path>',
      'the whole task as JSON, or several as an array or a line of JSON each; - reads standard input',
    )
    .option('--wait', 'wait until it has ended; exit code 1 unless it is completed');
}

function submitted({ id, state, waiting, prediction }: Task, { typed }: Terminal): string {
  const expected = prediction && predictionText(prediction);
  const takes = expected ? ` It should take ${expected}.` : '';
  return `Task ${id} is ${state}${waiting === null ? '' : ` (${waiting})`}.${takes} Follow it: ${typed(`purser task logs ${id} --follow`)}\n`;
}
