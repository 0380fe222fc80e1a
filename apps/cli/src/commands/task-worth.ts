import { type Prediction, type RecordLine, recordsGet, recordsList, tasksEstimate } from '@purser/contracts';
import type { Command } from 'commander';
import { linesTable, modelsTable, predictionText, recordText } from '../output/records.js';
import { type CommandSet, wholeNumber } from './command.js';
import { specFromFile } from './task-file.js';

interface ListOptions {
  since?: string;
  until?: string;
  executor?: string;
  label?: string;
  project?: string;
  model?: string;
  limit?: number;
  before?: string;
  byModel?: boolean;
  csv?: boolean;
}

/** What tasks will take, and what they took. */
export function addTaskWorthCommands(task: Command, commands: CommandSet): void {
  commands
    .leaf<{ file: string }>(
      task,
      'estimate',
      'what a task would take, by like tasks or its own estimates; nothing is handed in',
      ['purser task estimate --file task.json', 'purser task estimate --file task.json --json | jq -r .usd.p90'],
      async ({ api, print, terminal, options }) => {
        const { reply, json } = await api().ask(tasksEstimate, await specFromFile(options.file, terminal));
        print(json, () => estimated(reply));
      },
    )
    .requiredOption('--file <path>', 'the task as JSON; - reads standard input');

  commands.leaf(
    task,
    'record <id>',
    'what a task took: models, tokens, dollars, times, runners, its grade',
    ['purser task record nightly-review', 'purser task record nightly-review --json | jq .models'],
    async ({ api, print, terminal }, [id = '']) => {
      const { reply, json } = await api().ask(recordsGet, { id });
      print(json, () => recordText(reply, terminal));
    },
  );

  commands
    .leaf<ListOptions>(
      task,
      'records',
      'what finished tasks took, a line for each of their models, newest first',
      [
        'purser task records --label nightly',
        'purser task records --since 2026-11-01T00:00:00Z --by-model',
        'purser task records --limit 1000 --csv > models.csv',
      ],
      async ({ api, print, terminal, options }) => {
        const { byModel, csv, json: _, ...request } = options;
        if (csv) {
          const { text, next } = await api().csv(recordsList, request);
          terminal.out(text);
          if (next !== null) terminal.err(terminal.typed(`More: purser task records --csv --before ${next}\n`));
          return;
        }
        const { reply, json } = await api().ask(recordsList, request);
        const more = reply.next === null ? '' : terminal.typed(`More: purser task records --before ${reply.next}\n`);
        print(json, () => shown(reply.lines, byModel === true)(terminal) + more);
      },
    )
    .option('--since <time>', 'ended at or after this time, such as 2026-11-01T00:00:00Z')
    .option('--until <time>', 'ended before this time')
    .option('--executor <name>', 'only of this executor')
    .option('--label <label>', 'only with this label')
    .option('--project <name>', 'only of this project')
    .option('--model <name>', 'only what this model did')
    .option('--limit <n>', 'of so many tasks, up to 1000 (100)', wholeNumber)
    .option('--before <place>', 'go on from where the last list ended')
    .option('--by-model', 'compare models: what a completed task costs with each, and its grade')
    .option('--csv', 'print CSV, and nothing else');
}

const shown = (lines: RecordLine[], byModel: boolean) =>
  lines.length === 0 ? () => 'No task has ended.\n' : byModel ? modelsTable(lines) : linesTable(lines);

const estimated = (prediction: Prediction): string =>
  prediction.basis === 'none'
    ? 'Nothing is known of such tasks: none was completed yet, and it gives no estimates.\n'
    : `${predictionText(prediction)}\n`;
