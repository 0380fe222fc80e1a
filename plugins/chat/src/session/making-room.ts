import { SUMMARY_SYSTEM } from '../conversation/prompts.js';
import { transcript } from '../conversation/transcript.js';
import { cutDown, foldResults, replaceBySummary, type Room, sizeOf } from '../conversation/window.js';
import { ModelRefusal } from '../model/refusal.js';
import type { Chat } from './context.js';

/** A summary that is longer than this share of the conversation's room is cut. */
const SUMMARY_SHARE = 0.3;
/** Room for models that think before they write. */
const MOST_TOKENS = 8_192;
/** What the texts around a transcript take. */
const AROUND_BYTES = 2_000;

/**
 * Makes the conversation fit: old results are taken out first, which costs nothing; then a summary is asked for; when no
 * model gives one, the oldest turns go.
 */
export async function makeRoom(chat: Chat, room: Room): Promise<void> {
  const { state, log } = chat;
  const before = sizeOf(state);
  if (before <= room.bytes) return;
  const fits = foldResults(state, room.bytes);
  log.say(`old results were taken out of the conversation: ${before} bytes before, ${sizeOf(state)} now`);
  if (fits) return;
  const summary = await summarise(chat, room);
  if (summary !== undefined) {
    replaceBySummary(state, summary);
    log.say(`a summary stands for the older turns: ${sizeOf(state)} bytes now`);
  }
  cutDown(state, room.bytes);
}

async function summarise(chat: Chat, room: Room): Promise<string | undefined> {
  const { input, state, model, stop, log, show } = chat;
  const shown = transcript(input.goal, state, Math.max(1_000, room.bytes - AROUND_BYTES));
  const question = {
    system: SUMMARY_SYSTEM,
    opening: shown,
    messages: [],
    tools: [],
    maxOutputTokens: Math.max(256, Math.min(room.reserve, MOST_TOKENS)),
  };
  try {
    const { answer } = await model.ask(question, stop.unit);
    const text = answer.text.trim().slice(0, Math.floor(room.bytes * SUMMARY_SHARE));
    return text === '' ? undefined : text;
  } catch (error) {
    if (stop.unit.aborted || !(error instanceof ModelRefusal)) throw error;
    const { kind } = error.refusal;
    if (kind === 'budget' || kind === 'emergency' || kind === 'key') throw error;
    log.say(show(`no summary was written (${error.message}): the oldest turns are left out`));
    return undefined;
  }
}
