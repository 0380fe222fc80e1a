import type { Latch, ProviderStatus } from '@purser/contracts';
import { relative } from 'node:path';
import { fields } from '../output/table.js';
import { moment } from '../output/words.js';
import type { Terminal } from '../terminal.js';

export interface Ready {
  seconds: number;
  gatewayUrl: string;
  apiUrl: string;
  natsUrl: string;
  /** The file with the URL for other tools; null when NATS is not ours. */
  toolsUrlFile: string | null;
  adminKeyFile: string;
  /** Null when they go to standard output. */
  logFile: string | null;
  /** Set when Postgres' data could not be in the data folder. */
  postgresMovedTo: string | null;
  /** Set when agents could not work in the data folder. */
  agentsMovedTo: string | null;
  /** What could not be asked is an error text. */
  providers: ProviderStatus[] | { unknown: string };
  latch: Latch | { unknown: string };
  /** No budget is set at all, but those of tasks. */
  unlimited: boolean | { unknown: string };
}

/** What a person needs to know once everything runs. Its first line begins with `Purser is ready`. */
export function readyText(ready: Ready, { cwd, style, typed }: Pick<Terminal, 'cwd' | 'style' | 'typed'>): string {
  const near = (path: string): string => {
    const shown = relative(cwd, path);
    return shown.startsWith('..') ? path : shown;
  };
  const places = fields([
    ['Model gateway', `${ready.gatewayUrl}/v1   (base URL for OpenAI clients)`],
    ['Control API', ready.apiUrl],
    ['NATS', ready.natsUrl + (ready.toolsUrlFile ? `   (URL for other tools: ${near(ready.toolsUrlFile)})` : '')],
    ['Admin key', `${near(ready.adminKeyFile)}   (\`${typed('purser key')}\` prints it)`],
    ['Logs', ready.logFile === null ? 'here' : `${near(ready.logFile)}   (warnings are shown here too)`],
    [
      'Postgres data',
      ready.postgresMovedTo &&
        `${ready.postgresMovedTo}   (the user that Postgres runs as cannot reach the data folder)`,
    ],
    [
      'Workspaces',
      ready.agentsMovedTo && `${ready.agentsMovedTo}   (the user that agents run as cannot reach the data folder)`,
    ],
  ]);
  const blocks = [
    `Purser is ready (${ready.seconds.toFixed(1)} s)\n${indent(places)}`,
    `Model providers\n${indent(providersText(ready.providers))}`,
    ...budgetWarning(ready.unlimited, style, typed),
    ...latchWarning(ready.latch, style, typed),
    'Ctrl-C stops everything; nothing is lost.\n',
  ];
  return blocks.join('\n');
}

function providersText(providers: Ready['providers']): string {
  if ('unknown' in providers) return `not known: ${providers.unknown}\n`;
  if (providers.length === 0) return 'none is configured (config/plugins.json, config/models.json)\n';
  return fields(
    providers.map(({ name, available, reason }) => [
      name,
      available ? 'found' : `not found: ${reason ?? 'no reason given'}`,
    ]),
  );
}

function budgetWarning(unlimited: Ready['unlimited'], style: Terminal['style'], typed: Terminal['typed']): string[] {
  if (unlimited === false) return [];
  if (unlimited !== true) return [style('yellow', `Whether there is a budget is not known: ${unlimited.unknown}\n`)];
  const set = typed('purser budget set daily-total --limit 5.00 --period day');
  return [style('yellow', `No budget is set, so paid calls have no limit. Set one: ${set}\n`)];
}

function latchWarning(latch: Ready['latch'], style: Terminal['style'], typed: Terminal['typed']): string[] {
  if ('unknown' in latch) return [style('yellow', `Whether there is an emergency is not known: ${latch.unknown}\n`)];
  if (!latch.active) return [];
  const head = style('red', `EMERGENCY since ${moment(latch.at)}, set by ${latch.by}: ${latch.reason}`);
  const reset = typed('purser emergency reset --by NAME --reason TEXT');
  return [`${head}\nNothing starts and nothing is spent until: ${reset}\n`];
}

const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, '  ');
