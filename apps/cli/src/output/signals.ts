import type { SignalRecord } from '@purser/contracts';
import type { Terminal } from '../terminal.js';
import { table } from './table.js';
import { moment } from './words.js';

const MAX_PAYLOAD = 80;

export function signalTable(signals: readonly SignalRecord[], terminal: Pick<Terminal, 'style'>): string {
  return table(
    signals,
    [
      { head: '#', cell: ({ number }) => String(number), right: true },
      { head: 'SIGNAL', cell: ({ name }) => name },
      { head: 'STATE', cell: ({ state, epoch }) => (state === 'delivered' ? `${state} to #${epoch}` : state) },
      { head: 'BY', cell: ({ by }) => by },
      { head: 'SENT', cell: ({ at }) => moment(at) ?? '' },
      { head: 'PAYLOAD', cell: ({ payload }) => cut(JSON.stringify(payload) ?? '') },
    ],
    (head) => terminal.style('dim', head),
  );
}

const cut = (text: string): string => (text.length > MAX_PAYLOAD ? `${text.slice(0, MAX_PAYLOAD - 1)}…` : text);
