import type { BatchResult } from '@purser/contracts';
import type { Answer } from './intake.service.js';

/** Ten thousand refusals must fit into one message. */
const MAX_MESSAGE = 400;
const MAX_ID = 64;

export function batchResult(answer: Answer): BatchResult {
  const { index, id } = answer;
  if ('error' in answer) {
    const { code, message } = answer.error;
    return {
      index,
      id: id?.slice(0, MAX_ID) ?? null,
      state: null,
      created: false,
      error: { code, message: cut(message) },
    };
  }
  const { taken } = answer;
  const created = taken.kind === 'stored';
  return { index, id: id ?? null, state: created ? taken.state : taken.row.state, created, error: null };
}

const cut = (text: string): string => (text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 1)}…` : text);
