import { invalidRequest, type ReplyOf, type SpikeRule, spikesReset, spikesRules, spikesSet } from '@purser/contracts';
import type { Command } from 'commander';
import { table } from '../output/table.js';
import { moment, usd } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import type { CommandSet } from './command.js';

interface SetOptions {
  reason: string;
  by?: string;
  minUsd?: string;
  provider?: string;
  source?: string;
  alert?: boolean;
}

export function addSpikeCommands(program: Command, commands: CommandSet): void {
  const spikes = program.command('spikes').description('rules on sudden spending: see them, set them');

  commands.leaf(spikes, 'list', 'the rules that hold', ['purser spikes list'], async ({ api, print, terminal }) => {
    const { reply, json } = await api().ask(spikesRules, {});
    print(json, () => rulesText(reply, terminal));
  });

  commands
    .leaf<SetOptions>(
      spikes,
      'set <rules...>',
      'let these rules hold instead of those of the file, from now on',
      [
        'purser spikes set "0.5 in 30" "2.0 in 120" --reason "nobody is here at night"',
        'purser spikes set "5 in 10" --provider openai --alert --reason "hear of it first"',
      ],
      async ({ api, print, terminal, options }, texts) => {
        const { reason, by = terminal.user, minUsd, provider, source, alert } = options;
        const more = {
          ...(minUsd === undefined ? {} : { minUsd }),
          ...(provider === undefined ? {} : { provider }),
          ...(source === undefined ? {} : { source }),
          ...(alert ? { action: 'alert' as const } : {}),
        };
        const checked = spikesSet.request.safeParse({ rules: texts, by, reason });
        if (!checked.success) throw invalidRequest('purser spikes set', checked.error);
        const rules = checked.data.rules.map((rule) => ({ ...rule, ...more }));
        const { reply, json } = await api().ask(spikesSet, { rules, by, reason });
        print(json, () => rulesText(reply, terminal));
      },
    )
    .requiredOption('--reason <text>', 'why; it is kept')
    .option('--by <name>', 'who (default: the user of this machine)')
    .option('--min-usd <usd>', 'below this nothing is a spike (1)')
    .option('--provider <name>', 'only spend at this provider')
    .option('--source <name>', 'what the books of this cost source report, such as aws-costs')
    .option('--alert', 'tell people, and stop nothing');

  commands
    .leaf<{ reason: string; by?: string }>(
      spikes,
      'reset',
      'let the rules of the file hold again',
      ['purser spikes reset --reason "the night is over"'],
      async ({ api, print, terminal, options }) => {
        const request = { by: options.by ?? terminal.user, reason: options.reason };
        const { reply, json } = await api().ask(spikesReset, request);
        print(json, () => rulesText(reply, terminal));
      },
    )
    .requiredOption('--reason <text>', 'why; it is kept')
    .option('--by <name>', 'who (default: the user of this machine)');
}

function rulesText({ rules, set }: ReplyOf<typeof spikesRules>, terminal: Pick<Terminal, 'style'>): string {
  const from = set === null ? 'as in the configuration' : `set by ${set.by} at ${moment(set.at)}: ${set.reason}`;
  if (rules.length === 0) return `No rule on spikes holds (${from}).\n`;
  const rows = table<SpikeRule>(
    rules,
    [
      { head: 'MORE THAN', cell: ({ percent }) => `${percent} %`, right: true },
      { head: 'OF', cell: ({ of }) => (of === 'month' ? 'the month' : 'the monthly budget') },
      { head: 'WITHIN', cell: ({ windowMinutes }) => `${windowMinutes} min`, right: true },
      { head: 'AT LEAST', cell: ({ minUsd }) => usd(minUsd), right: true },
      { head: 'AT', cell: ({ provider, source }) => (source ? `books of ${source}` : (provider ?? 'everything')) },
      { head: 'THEN', cell: ({ action }) => action ?? 'shutdown' },
    ],
    (head) => terminal.style('dim', head),
  );
  return `${rows}${from}\n`;
}
