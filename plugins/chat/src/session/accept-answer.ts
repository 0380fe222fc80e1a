import type { AnswerMessage } from '../conversation/state.js';
import type { ModelAnswer } from '../model/answer.js';
import { parseArguments } from '../tools/arguments.js';

/** An answer of a model that has nothing in it: some providers take no empty message back. */
export const NOTHING = '(no answer)';

export interface Accepted {
  message: AnswerMessage;
  /** What is wrong with calls, by their ids. */
  wrong: Map<string, string>;
}

/**
 * An answer as it is kept: with ids of our own, which are unique over the whole conversation and take any provider's form,
 * and without what a provider would refuse to take back, such as arguments that are no JSON.
 */
export function acceptAnswer({ text, calls, finish }: ModelAnswer, turn: number): Accepted {
  const wrong = new Map<string, string>();
  const kept = calls.map(({ name, arguments: given }, index) => {
    const id = `call_${turn}_${index + 1}`;
    const plain = name.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 64) || 'unnamed';
    try {
      parseArguments(given);
      return { id, name: plain, arguments: given.trim() === '' ? '{}' : given };
    } catch (error) {
      const cut = finish === 'length' ? 'your answer was cut off, as it was too long; ' : '';
      wrong.set(id, `ERROR: the call was not carried out: ${cut}${(error as Error).message}`);
      return { id, name: plain, arguments: '{}' };
    }
  });
  const shown = text.replaceAll('\0', '\uFFFD');
  return {
    message: { role: 'assistant', text: kept.length === 0 && shown.trim() === '' ? NOTHING : shown, calls: kept },
    wrong,
  };
}
