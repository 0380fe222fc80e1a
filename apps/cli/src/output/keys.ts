import { type GatewayKey, STANDARD_PRIORITY } from '@purser/contracts';
import type { Terminal } from '../terminal.js';
import { fields, table } from './table.js';
import { moment } from './words.js';

const may = ({ capabilities, models }: GatewayKey): string =>
  capabilities || models ? [...(capabilities ?? []), ...(models ?? [])].join(', ') : 'anything';

const rates = ({ requestsPerMinute, tokensPerMinute }: GatewayKey): string =>
  [
    ...(requestsPerMinute === null ? [] : [`${requestsPerMinute} requests`]),
    ...(tokensPerMinute === null ? [] : [`${tokensPerMinute} tokens`]),
  ].join(', ') || '-';

function stateOf({ revokedAt, expiresAt }: GatewayKey): 'good' | 'revoked' | 'expired' {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? 'expired' : 'good';
}

export function keyTable(keys: GatewayKey[], terminal: Pick<Terminal, 'style'>): string {
  return table(
    keys,
    [
      { head: 'KEY', cell: ({ id }) => id },
      { head: 'BEGINS', cell: ({ prefix }) => prefix },
      { head: 'NAME', cell: ({ name }) => name },
      { head: 'PROJECT', cell: ({ project }) => project ?? '-' },
      { head: 'MAY USE', cell: may },
      ...(keys.some(({ priority }) => priority !== STANDARD_PRIORITY)
        ? [{ head: 'PRIORITY', cell: ({ priority }: GatewayKey) => String(priority), right: true }]
        : []),
      { head: 'A MINUTE', cell: rates },
      { head: 'UNTIL', cell: ({ expiresAt }) => moment(expiresAt) ?? '-' },
      {
        head: 'STATE',
        cell: stateOf,
        paint: (text, key) => terminal.style(stateOf(key) === 'good' ? 'green' : 'red', text),
      },
    ],
    (head) => terminal.style('dim', head),
  );
}

export const keyDetails = (key: GatewayKey): string =>
  fields([
    ['key', key.id],
    ['name', key.name],
    ['begins with', `${key.prefix}_`],
    ['state', stateOf(key)],
    ['project', key.project],
    ['task', key.task],
    ['session', key.session],
    ['priority', String(key.priority)],
    ['free models', key.paidOnly ? 'never' : null],
    ['capabilities', key.capabilities?.join(', ') ?? 'any'],
    ['models', key.models?.join(', ') ?? 'any'],
    ['a minute', rates(key)],
    ['made', moment(key.createdAt)],
    ['until', moment(key.expiresAt)],
    ['revoked', moment(key.revokedAt)],
  ]);
