import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  type ListedPrice,
  PriceRow,
  invalidRequest,
  pricesImport,
  type PricesImported,
  pricesList,
  pricesSet,
  PurserError,
} from '@purser/contracts';
import type { Command } from 'commander';
import { table } from '../output/table.js';
import { count, usd } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import { collect, type CommandSet, wholeNumber } from './command.js';
import { FIGURES, priceRow, providersAsked, type SetOptions } from './price-row.js';

interface ListOptions {
  provider?: string;
}

interface ImportOptions {
  provider?: string[];
  dryRun?: boolean;
  by?: string;
  reason?: string;
}

export function addPricesCommands(program: Command, commands: CommandSet): void {
  const prices = program.command('prices').description('what models cost: see it, set it, import it');

  commands
    .leaf<ListOptions>(
      prices,
      'list [model]',
      'the price table, or the models whose names contain this; dollars per million tokens',
      ['purser prices list', 'purser prices list gpt-5 --provider openai', 'purser prices list --json'],
      async ({ api, print, terminal, options }, [model]) => {
        const { reply, json } = await api().ask(pricesList, { ...options, ...(model === undefined ? {} : { model }) });
        print(json, () =>
          reply.prices.length === 0
            ? `No price is known. Set one: ${terminal.typed('purser prices set openai/gpt-5-mini --input 0.25 --output 2')}\n`
            : priceTable(reply.prices, terminal) + warningsText(reply.warnings, terminal),
        );
      },
    )
    .option('--provider <name>', 'of this provider alone');

  const set = commands.leaf<SetOptions>(
    prices,
    'set <model>',
    'give a model its price, or change what is given of the one that is there',
    [
      'purser prices set openai/gpt-5-mini --input 0.25 --cached 0.025 --output 2',
      'purser prices set openai/whisper-1 --per-minute 0.006 --source https://openai.com/api/pricing',
      `purser prices set openai/m --row '{"inputPerMillionUsd": "1", "outputPerMillionUsd": "4", "tiers": {"flex": {"inputPerMillionUsd": "0.5"}}}'`,
    ],
    async ({ api, print, terminal, options }, [model = '']) => {
      const known = (await api().call(pricesList, { model })).prices.find((one) => one.model === model);
      const row = PriceRow.safeParse(priceRow(model, options, known, new Date().toISOString().slice(0, 10)));
      if (!row.success) throw invalidRequest('price', row.error);
      const { by = terminal.user, reason = '' } = options;
      const { reply, json } = await api().ask(pricesSet, { model, price: row.data, by, reason });
      print(json, () => priceTable([reply.price], terminal) + warningsText(reply.warnings, terminal));
    },
  );
  for (const [option, [, what]] of Object.entries(FIGURES))
    set.option(`--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} <usd>`, `dollars ${what}`);
  set
    .option('--max-output <tokens>', "the model's own output limit", wholeNumber)
    .option('--context <tokens>', 'its context window', wholeNumber)
    .option('--reasoning', 'it thinks in hidden tokens that are billed')
    .option('--no-reasoning', 'it does not')
    .option('--row <json>', 'the whole row, as in config/prices.json: also long contexts and service tiers')
    .option('--source <text>', 'where the figures were read, such as a URL')
    .option('--date <day>', 'when they were read (today)')
    .option('--by <name>', 'who (default: the user of this machine)')
    .option('--reason <text>', 'why; it is kept');

  commands
    .leaf<ImportOptions>(
      prices,
      'import <file>',
      'take prices from the community table model_prices_and_context_window.json',
      [
        'purser prices import model_prices_and_context_window.json --provider openai --dry-run',
        'purser prices import table.json --provider openai --provider azure=my-azure',
      ],
      async ({ api, print, terminal, options }, [file = '']) => {
        const providers = providersAsked(options.provider);
        const { by = terminal.user, reason = '', dryRun = false } = options;
        const given = await readTable(file, terminal);
        const { reply, json } = await api().ask(pricesImport, { table: given, providers, dryRun, by, reason });
        print(json, () => importedText(reply, terminal));
      },
    )
    .option('--provider <name>', "whose prices; may be repeated; THEIRS=OURS where the table's name differs", collect)
    .option('--dry-run', 'only say what would change')
    .option('--by <name>', 'who (default: the user of this machine)')
    .option('--reason <text>', 'why; it is kept');
}

async function readTable(file: string, terminal: Terminal): Promise<Record<string, unknown>> {
  try {
    const text = file === '-' ? await terminal.readInput() : await readFile(resolve(terminal.cwd, file), 'utf8');
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new PurserError('invalid_request', { message: `${file} cannot be read: ${(cause as Error).message}`, cause });
  }
}

const perMillion = (amount: string | undefined): string => (amount === undefined ? '-' : usd(amount));

/** What is priced otherwise than by plain tokens. */
const besides = ({ price }: ListedPrice): string =>
  [
    ...(price.perMinuteUsd === undefined ? [] : [`${usd(price.perMinuteUsd)}/min`]),
    ...(price.perImageUsd === undefined ? [] : [`${usd(price.perImageUsd)}/image`]),
    ...(price.longContext ? [`dearer above ${price.longContext.aboveInputTokens}`] : []),
    ...Object.keys(price.tiers ?? {}),
  ].join(', ');

function priceTable(prices: readonly ListedPrice[], terminal: Pick<Terminal, 'style'>): string {
  return table(
    prices,
    [
      { head: 'MODEL', cell: ({ model }) => model },
      { head: 'INPUT', cell: ({ price }) => perMillion(price.inputPerMillionUsd), right: true },
      { head: 'CACHED', cell: ({ price }) => perMillion(price.cachedPerMillionUsd), right: true },
      { head: 'OUTPUT', cell: ({ price }) => perMillion(price.outputPerMillionUsd), right: true },
      { head: 'BESIDES', cell: besides },
      { head: 'SINCE', cell: ({ price }) => price.date },
      { head: 'FROM', cell: ({ from, setBy }) => (setBy === null ? from : `set by ${setBy}`) },
      { head: 'SOURCE', cell: ({ price }) => price.source },
    ],
    (head) => terminal.style('dim', head),
  );
}

const warningsText = (warnings: readonly string[], { style }: Pick<Terminal, 'style'>): string =>
  warnings.map((warning) => `${style('yellow', `Is this right? ${warning}`)}\n`).join('');

const short = (price: PriceRow): string =>
  price.inputPerMillionUsd === undefined
    ? besides({ price } as ListedPrice)
    : `${usd(price.inputPerMillionUsd)} / ${usd(price.outputPerMillionUsd ?? null)}`;

export function importedText(imported: PricesImported, terminal: Pick<Terminal, 'style'>): string {
  const { added, changed, unchanged, skipped, warnings, dryRun } = imported;
  return [
    ...added.map(({ model, price }) => `new      ${model}  ${short(price)}\n`),
    ...changed.map(({ model, before, price }) => `changed  ${model}  ${short(before)} -> ${short(price)}\n`),
    ...skipped.map(
      ({ why, rows, examples }) =>
        `skipped  ${count(rows, 'row')}: ${why} (${examples.join(', ')}${rows > examples.length ? ', ...' : ''})\n`,
    ),
    warningsText(warnings, terminal),
    `${dryRun ? 'Would take' : 'Took'} ${count(added.length, 'new price')} and ${count(changed.length, 'change')}; ${unchanged} as before.${dryRun ? ' Nothing was changed: leave out --dry-run to take them.' : ''}\n`,
  ].join('');
}
