import { bytesOf, FIRST_TOKENS_PER_BYTE, type Room, sizeOf } from '../conversation/window.js';
import type { Chat } from './context.js';

/** The runner ends a session at 1.25 of its tokens; a turn that would end beyond this is not begun. */
const MOST_SHARE = 1.15;
const HANDOFF_TOKENS = 2_048;
const HANDOFF_BYTES = 60_000;

/**
 * Why the session's tokens would not do for another turn and the handoff after it; undefined when they do. The first turn
 * is always made, for without it nothing would ever come about.
 */
export function enoughForATurn({ session, state, input, used, tools }: Chat, room: Room): string | undefined {
  const { limits, used: measured } = session.resources();
  if (limits.tokens === undefined || used.turns === 0) return undefined;
  const perByte = state.tokensPerByte ?? FIRST_TOKENS_PER_BYTE;
  const spent = Math.max(used.tokens, measured.tokens ?? 0);
  const prompt = (sizeOf(state) + bytesOf(tools.descriptions) + input.goal.length) * perByte;
  const answer = Math.min(room.reserve, Math.max(200, used.tokens / used.turns - prompt));
  const handoff = Math.min(prompt, HANDOFF_BYTES * perByte) + HANDOFF_TOKENS;
  if (spent + prompt + answer + handoff <= limits.tokens * MOST_SHARE) return undefined;
  return `the tokens of this session (${spent} of ${limits.tokens}) would not do for another turn and the handoff after it`;
}
