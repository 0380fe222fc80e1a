import type { ExecutorResult } from '@purser/plugin-sdk';
import type { ChatState } from '../conversation/state.js';
import { FIRST_TOKENS_PER_BYTE, type Room } from '../conversation/window.js';
import type { Refusal } from '../model/refusal.js';
import type { Chat } from './context.js';
import { failed } from './session-over.js';

/** How much smaller a window is taken to be than was thought, when the provider does not say. */
const SMALLER = 0.6;

/** A refusal as too long teaches how large the window is, or else that there are more tokens in a byte than was thought. */
export function learnWindow(state: ChatState, { window }: Room, told: number | undefined): void {
  if (told !== undefined && told < window) state.windowTokens = told;
  else if (told === undefined) state.windowTokens = Math.max(1_000, Math.floor(window * SMALLER));
  else state.tokensPerByte = Number(((state.tokensPerByte ?? FIRST_TOKENS_PER_BYTE) * 1.3).toFixed(4));
}

/** The runner hears of an emergency too, and ends the session; if it does not, the session ends by itself. */
async function untilEnded({ session }: Chat): Promise<void> {
  const signals = [session.wrap, session.kill, AbortSignal.timeout(session.graceMs)];
  const any = AbortSignal.any(signals);
  if (any.aborted) return;
  await new Promise<void>((resolve) => any.addEventListener('abort', () => resolve(), { once: true }));
}

/** What a refusal that waiting did not mend means for the session; and whether a model can be asked for the handoff. */
export async function endOf(refusal: Refusal, chat: Chat): Promise<{ end: ExecutorResult; byModel: boolean }> {
  const { message } = refusal;
  switch (refusal.kind) {
    case 'budget':
      return { end: { kind: 'continue', reason: `budget: ${message}`, waitsFor: 'budget' }, byModel: false };
    case 'emergency':
      await untilEnded(chat);
      return { end: { kind: 'continue', reason: `emergency: ${message}` }, byModel: false };
    case 'key':
      return { end: failed('unauthorized', `the gateway does not know the session's key: ${message}`), byModel: false };
    case 'later':
      return { end: failed('model_unavailable', `${refusal.code}: ${message}`), byModel: false };
    case 'too_long':
      return { end: failed('too_long', message), byModel: false };
    case 'refused':
      return { end: failed(`model_${refusal.code}`, message), byModel: false };
  }
}
