import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  PurserError,
  schedulesCreate,
  schedulesDelete,
  schedulesGet,
  schedulesList,
  schedulesPause,
  schedulesResume,
  type ScheduleSpecInput,
  schedulesTrigger,
  schedulesUpdate,
} from '@purser/contracts';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import { fireText, nextText, scheduleTable, scheduleText } from '../output/schedules.js';
import type { Terminal } from '../terminal.js';
import { type CommandSet, wholeNumber } from './command.js';
import { type ScheduleOptions, scheduleSpec, withScheduleOptions } from './schedule-spec.js';

export function addScheduleCommands(program: Command, commands: CommandSet): void {
  const schedule = program
    .command('schedule')
    .description('work that comes again by the clock: make it, see it, stop it');

  addWriting(schedule, commands, schedulesCreate, {
    usage: 'create [id] [argv...]',
    summary: 'submit a task at each time; the program and its arguments go after --',
    examples: [
      'purser schedule create review --every 4h --budget 1.50 -- claude -p "review the open pull requests"',
      'purser schedule create nightly --cron "30 2 * * 1-5" --timezone Europe/Berlin --jitter 10m -- ./nightly.sh',
      'purser schedule create once --at 2026-12-24T17:00:00Z -- date',
      'purser schedule create --file schedule.json',
    ],
  });
  addWriting(schedule, commands, schedulesUpdate, {
    usage: 'update [id] [argv...]',
    summary: 'put another timetable and task in its place; what is left out gets its default',
    examples: ['purser schedule update review --every 6h -- claude -p "review the open pull requests"'],
  });

  commands
    .leaf<{ limit: number; after?: string }>(
      schedule,
      'list',
      'schedules, when they fire next and what came of the last time',
      ['purser schedule list'],
      async ({ api, print, terminal, options: { limit, after } }) => {
        const { reply, json } = await api().ask(schedulesList, { limit, ...(after && { after }) });
        const more = reply.next === null ? '' : terminal.typed(`More: purser schedule list --after ${reply.next}\n`);
        print(json, () =>
          reply.schedules.length === 0 ? 'No schedules.\n' : scheduleTable(reply.schedules, terminal) + more,
        );
      },
    )
    .option('--limit <n>', 'how many', wholeNumber, 100)
    .option('--after <id>', 'go on from where the last list ended');

  commands.leaf(
    schedule,
    'show <id>',
    'one schedule, its next five times and its last fires',
    ['purser schedule show nightly', 'purser schedule show nightly --json | jq .schedule.next'],
    async ({ api, print, terminal }, [id = '']) => {
      const { reply, json } = await api().ask(schedulesGet, { id });
      print(json, () => scheduleText(reply.schedule, reply.fires, terminal));
    },
  );

  commands.leaf(
    schedule,
    'delete <id>',
    'remove it; tasks that it made stay as they are',
    ['purser schedule delete nightly'],
    async ({ api, print }, [id = '']) => {
      const { reply, json } = await api().ask(schedulesDelete, { id });
      if (!reply.deleted) throw new PurserError('not_found', { message: `There is no schedule "${id}".` });
      print(json, () => `Schedule ${id} is deleted.\n`);
    },
  );

  commands
    .leaf<{ reason?: string }>(
      schedule,
      'pause <id>',
      'fire no more until it is resumed',
      ['purser schedule pause nightly --reason "holidays"'],
      async ({ api, print, terminal, options }, [id = '']) => {
        const reason = options.reason ?? `by ${terminal.user}`;
        const { json } = await api().ask(schedulesPause, { id, reason });
        print(json, () => `Schedule ${id} is paused.\n`);
      },
    )
    .option('--reason <text>', 'why; it is shown');

  commands.leaf(
    schedule,
    'resume <id>',
    'fire again from the next time on; what passed in the pause is not caught up',
    ['purser schedule resume nightly'],
    async ({ api, print }, [id = '']) => {
      const { reply, json } = await api().ask(schedulesResume, { id });
      print(json, () => `Schedule ${id} is ${reply.state}. ${nextText(reply)}\n`);
    },
  );

  commands.leaf(
    schedule,
    'trigger <id>',
    'fire now, also while it is paused; exit code 1 when no task came of it',
    ['purser schedule trigger nightly'],
    async ({ api, print, terminal }, [id = '']) => {
      const { reply, json } = await api().ask(schedulesTrigger, { id });
      print(json, () => fireText(reply, terminal));
      return reply.outcome === 'fired' ? EXIT.ok : EXIT.failed;
    },
  );
}

function addWriting(
  schedule: Command,
  commands: CommandSet,
  operation: typeof schedulesCreate | typeof schedulesUpdate,
  { usage, summary, examples }: { usage: string; summary: string; examples: string[] },
): void {
  const command = commands.leaf<ScheduleOptions>(
    schedule,
    usage,
    summary,
    examples,
    async ({ api, print, terminal, options }, [id, ...argv]) => {
      const spec =
        options.file === undefined
          ? scheduleSpec(named(id), options, argv)
          : await fromFile(options.file, terminal, id === undefined);
      const { reply, json } = await api().ask(operation, spec);
      print(json, () => `Schedule ${reply.id} is ${reply.state}. ${nextText(reply)}\n`);
    },
  );
  withScheduleOptions(command);
}

function named(id: string | undefined): string {
  if (id !== undefined) return id;
  throw new PurserError('invalid_request', {
    message: 'What is its name? Example: purser schedule create nightly --every 4h -- date',
  });
}

async function fromFile(path: string, terminal: Terminal, alone: boolean): Promise<ScheduleSpecInput> {
  const where = path === '-' ? 'standard input' : path;
  if (!alone) {
    throw new PurserError('invalid_request', { message: 'Give either --file or a name and a program, not both.' });
  }
  try {
    const text = path === '-' ? await terminal.readInput() : await readFile(resolve(terminal.cwd, path), 'utf8');
    return JSON.parse(text) as ScheduleSpecInput;
  } catch (cause) {
    const problem = cause instanceof SyntaxError ? 'is not JSON' : 'cannot be read';
    throw new PurserError('invalid_request', { message: `${where} ${problem}: ${(cause as Error).message}`, cause });
  }
}
