import type { ExecutorResult } from '@purser/plugin-sdk';
import { HANDOFF_SYSTEM } from '../conversation/prompts.js';
import { plainHandoff, resourcesUsed } from '../conversation/handoff.js';
import { transcript } from '../conversation/transcript.js';
import type { Room } from '../conversation/window.js';
import type { Chat } from './context.js';

/** A handoff is written from the end of the conversation: a long one would cost as much as another turn. */
const TRANSCRIPT_BYTES = 60_000;
/** Room for models that think before they write. */
const HANDOFF_TOKENS = 8_192;
const MOST_DOCUMENT = 200_000;
const WRITE_MS = 10_000;

/** Leaves the document for the next session: the model's, or without it what is known. */
export async function wrapUp(chat: Chat, reason: string, room: Room, byModel: boolean): Promise<ExecutorResult> {
  const { session, input, state, saving, log, used, show } = chat;
  const result: ExecutorResult = { kind: 'continue', reason };
  if (session.kill.aborted) return result;
  const written = byModel && state.messages.length > 0 ? await askForHandoff(chat, room) : undefined;
  if (session.kill.aborted) return result;
  const seconds = (performance.now() - used.startedAt) / 1000;
  const figures = resourcesUsed({ turns: used.turns, tokens: used.tokens, seconds });
  const document = `${written ?? plainHandoff(input.goal, state, reason)}\n${figures}\n`;
  try {
    await within(WRITE_MS, session.kill, session.writeHandoff(show(document)));
  } catch (error) {
    log.say(`the handoff could not be written: ${(error as Error).message}`);
    return result;
  }
  if (written !== undefined) state.handedOff = true;
  await saving.save(state);
  return result;
}

async function askForHandoff(chat: Chat, room: Room): Promise<string | undefined> {
  const { input, state, model, stop, log, show } = chat;
  const signal = stop.lastTurn();
  const most = Math.max(1_000, Math.min(TRANSCRIPT_BYTES, room.bytes - 2_000));
  const question = {
    system: HANDOFF_SYSTEM,
    opening: transcript(input.goal, state, most),
    messages: [],
    tools: [],
    maxOutputTokens: Math.max(256, Math.min(room.reserve, HANDOFF_TOKENS)),
  };
  try {
    const { answer } = await model.ask(question, signal);
    const text = answer.text.trim();
    return text === '' ? undefined : text.slice(0, MOST_DOCUMENT);
  } catch (error) {
    log.say(show(`the model wrote no handoff: ${(error as Error).message}`));
    return undefined;
  }
}

async function within<T>(ms: number, signal: AbortSignal, work: Promise<T>): Promise<T> {
  const any = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
  let onAbort: (() => void) | undefined;
  const late = new Promise<never>((_, reject) => {
    onAbort = () => reject(new Error(`not done within ${ms} ms`));
    any.addEventListener('abort', onAbort, { once: true });
  });
  late.catch(() => undefined);
  work.catch(() => undefined);
  return Promise.race([work, late]).finally(() => any.removeEventListener('abort', onAbort!));
}
