import type { CallOptions, ChatMessage, ChatRequest, ModelProvider } from '@purser/plugin-sdk';
import type { LongTexts } from '../bodies/long-texts.js';

/** What a provider is given: texts as they are, or, when it knows marks, the contents of messages with marks in them. */
export function withMarks(
  { takesMarks = false }: ModelProvider,
  longTexts: LongTexts,
  request: ChatRequest,
  options: CallOptions,
): [ChatRequest, CallOptions] {
  if (longTexts.empty) return [request, options];
  if (!takesMarks) return [longTexts.restore(request), options];
  const { messages, ...rest } = request;
  const whole = ({ content, ...others }: ChatMessage): ChatMessage => ({ ...longTexts.restore(others), content });
  return [
    { ...longTexts.restore(rest), messages: messages.map(whole) },
    { ...options, setAside: longTexts },
  ];
}
