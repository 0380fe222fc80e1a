import { randomBytes } from 'node:crypto';
import {
  budgetsList,
  keysCreate,
  keysGet,
  keysList,
  keysRevoke,
  keysUpdate,
  type RequestInput,
} from '@purser/contracts';
import type { Command } from 'commander';
import { readAdminKey, readToolsUrl } from '../api/control-api.js';
import { keyDetails, keyTable } from '../output/keys.js';
import { budgetTable } from './budget.js';
import type { CommandSet } from './command.js';
import { budgeted, type BudgetOptions, setBudget, withBudget } from './key-budget.js';
import { type RuleOptions, rulesIn, withRules } from './key-options.js';

/** `purser key` alone prints the admin key; below it are the keys for the model endpoints. */
export function addKeyCommands(program: Command, commands: CommandSet): void {
  const key = commands
    .leaf<{ nats?: boolean }>(
      program,
      'key',
      'print the admin key, or the NATS URL for other tools; make keys for the model endpoints',
      [
        'purser key',
        'curl -H "Authorization: Bearer $(purser key)" http://127.0.0.1:8081/v1/tasks',
        'nats --server "$(purser key --nats)" sub "task.>"',
        'purser key create "laptop of ada" --budget 5.00 --period month',
      ],
      async ({ terminal, print, options }) => {
        if (options.nats) {
          const natsUrl = await readToolsUrl(terminal);
          print({ natsUrl }, () => `${natsUrl}\n`);
          return;
        }
        const adminKey = await readAdminKey(terminal);
        print({ key: adminKey }, () => `${adminKey}\n`);
      },
    )
    .option('--nats', 'the NATS URL with the user "tools" and its password')
    .enablePositionalOptions()
    .allowExcessArguments(false);
  addCreate(key, commands);
  addReading(key, commands);
  addUpdate(key, commands);
  commands.leaf(
    key,
    'revoke <id>',
    'make a key useless within a second, on every gateway',
    ['purser key revoke web'],
    async ({ api, print, terminal }, [id = '']) => {
      const { reply, json } = await api().ask(keysRevoke, { id });
      print(json, () => keyTable([reply], terminal));
    },
  );
}

function addCreate(key: Command, commands: CommandSet): void {
  const create = commands
    .leaf<RuleOptions & BudgetOptions & { id?: string }>(
      key,
      'create <name>',
      'make a key for the model endpoints; its secret is shown this once',
      [
        'purser key create "laptop of ada" --budget 5.00 --period month',
        'purser key create ci --model "ollama/*" --requests-per-minute 60 --expires 90d',
        'OPENAI_API_KEY=$(purser key create web --project site --json | jq -r .secret)',
      ],
      async ({ api, print, terminal, options }, [name = '']) => {
        const id = options.id ?? `key-${randomBytes(8).toString('hex')}`;
        const rules = Object.fromEntries(Object.entries(rulesIn(options)).filter(([, value]) => value !== null));
        const request: RequestInput<typeof keysCreate> = { id, name, ...rules };
        const { reply, json } = await budgeted(api(), id, options, terminal, () => api().ask(keysCreate, request));
        print(
          json,
          () =>
            `${reply.secret}\n\nThis secret is shown once: keep it now. Send it as "Authorization: Bearer" or "x-api-key".\n\n` +
            keyTable([reply.key], terminal),
        );
      },
    )
    .option('--id <id>', 'how the ledger and budgets name it (a new one)');
  withBudget(withRules(create));
}

function addReading(key: Command, commands: CommandSet): void {
  commands
    .leaf<{ sessions?: boolean }>(
      key,
      'list',
      'the keys that there are, newest first, without their secrets',
      ['purser key list', 'purser key list --sessions --json | jq .keys[].id'],
      async ({ api, print, terminal, options }) => {
        const { reply, json } = await api().ask(keysList, { sessions: options.sessions ?? false });
        print(json, () =>
          reply.keys.length === 0
            ? terminal.typed('There is no key but the admin key. Make one: purser key create NAME\n')
            : keyTable(reply.keys, terminal),
        );
      },
    )
    .option('--sessions', 'also those that sessions of agents have');

  commands.leaf(
    key,
    'show <id>',
    'one key, what it may do, and its budgets',
    ['purser key show web'],
    async ({ api, print, terminal }, [id = '']) => {
      const [{ reply, json }, { budgets }] = await Promise.all([
        api().ask(keysGet, { id }),
        api().call(budgetsList, {}),
      ]);
      const own = budgets.filter(({ scope }) => scope.key === id);
      print({ key: json, budgets: own }, () =>
        [keyDetails(reply), own.length === 0 ? 'no budget of its own\n' : budgetTable(own, terminal)].join('\n'),
      );
    },
  );
}

function addUpdate(key: Command, commands: CommandSet): void {
  const update = commands
    .leaf<RuleOptions & BudgetOptions & { name?: string }>(
      key,
      'update <id>',
      'change what is given of a key; it holds within a second, on every gateway',
      [
        'purser key update web --requests-per-minute 120 --model any',
        'purser key update web --budget 8.00',
        'purser key update web --expires never',
      ],
      async ({ api, print, terminal, options }, [id = '']) => {
        const request = { id, ...rulesIn(options), ...(options.name === undefined ? {} : { name: options.name }) };
        const { reply, json } = await api().ask(keysUpdate, request);
        await setBudget(api(), id, options, terminal, 'change');
        print(json, () => keyTable([reply], terminal));
      },
    )
    .option('--name <text>', 'what people call it');
  withBudget(withRules(update));
}
