import type { Behaviour } from './behaviour.js';
import { countTokens, cutToTokens, filler, pieces } from './tokens.js';

/** One answer, decided before its first byte is sent. */
export interface Plan {
  text: string;
  pieces: string[];
  toolCalls: readonly { name: string; arguments: Record<string, unknown> }[];
  finish: 'stop' | 'length' | 'tool_calls';
  /** Per choice; reasoning and thinking included. */
  outputTokens: number;
  reasoningTokens: number;
  thinking: string;
  stopSequence: string | undefined;
  refusal: string | undefined;
  serviceTier: string;
}

export function planAnswer(model: string, behaviour: Behaviour, limit: number | undefined): Plan {
  const allowed = behaviour.ignoreLimit ? Infinity : (limit ?? Infinity);
  const thinking = behaviour.thinking ?? '';
  const reasoningTokens = Math.min(behaviour.reasoningTokens ?? countTokens(thinking), allowed);
  const wanted =
    behaviour.outputTokens === undefined
      ? (behaviour.reply ?? (behaviour.toolCalls ? '' : `This is ${model}, a demo model on this machine.`))
      : filler(behaviour.outputTokens);
  const text = cutToTokens(wanted, allowed - reasoningTokens);
  const toolCalls = text.length < wanted.length ? [] : (behaviour.toolCalls ?? []);
  const toolTokens = toolCalls.length === 0 ? 0 : countTokens(JSON.stringify(toolCalls));
  return {
    text,
    pieces: pieces(text, behaviour.chunkTokens ?? 4),
    toolCalls,
    finish: text.length < wanted.length ? 'length' : toolCalls.length > 0 ? 'tool_calls' : 'stop',
    outputTokens: reasoningTokens + countTokens(text) + toolTokens,
    reasoningTokens,
    thinking: cutToTokens(thinking, reasoningTokens),
    stopSequence: behaviour.stopSequence,
    refusal: behaviour.refusal,
    serviceTier: behaviour.serviceTier ?? 'standard',
  };
}
