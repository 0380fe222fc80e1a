import { z } from 'zod';

const ToolCall = z.object({ id: z.string(), name: z.string(), arguments: z.string() });
export type ToolCall = z.infer<typeof ToolCall>;

const UserMessage = z.object({ role: z.literal('user'), text: z.string() });
const AnswerMessage = z.object({ role: z.literal('assistant'), text: z.string(), calls: z.array(ToolCall) });
const ResultMessage = z.object({
  role: z.literal('tool'),
  callId: z.string(),
  text: z.string(),
  /** Its text was taken out, to save room. */
  folded: z.literal(true).optional(),
});

export const Message = z.discriminatedUnion('role', [UserMessage, AnswerMessage, ResultMessage]);
export type Message = z.infer<typeof Message>;
export type AnswerMessage = z.infer<typeof AnswerMessage>;
export type ResultMessage = z.infer<typeof ResultMessage>;

/** What a session saves and the next one goes on from. */
export const ChatState = z.object({
  version: z.literal(1),
  /** Answers of the model so far, over all sessions. */
  turns: z.number().int(),
  /** What stands for the messages that were left out. */
  summary: z.string().optional(),
  messages: z.array(Message),
  /** The call that was running when this was saved, if one that may change something was. */
  started: z.string().optional(),
  /** The number of the last signal that is among the messages, or was. */
  signals: z.number().int().optional(),
  /** The model was asked whether it is done. */
  asked: z.boolean().optional(),
  /** The last handoff was written by the model, and may stand for what it saw. */
  handedOff: z.boolean().optional(),
  /** The window's size, as the provider told it when it refused a longer conversation. */
  windowTokens: z.number().int().optional(),
  /** Tokens per byte of a request, as measured. */
  tokensPerByte: z.number().optional(),
  /** The task is done, with this result. */
  finished: z.object({ result: z.unknown() }).optional(),
});
export type ChatState = z.infer<typeof ChatState>;

export const emptyState = (): ChatState => ({ version: 1, turns: 0, messages: [] });

export const writeState = (state: ChatState): Uint8Array => new TextEncoder().encode(JSON.stringify(state));

/** Undefined when the bytes are no state of this version. */
export function readState(bytes: Uint8Array): ChatState | undefined {
  try {
    return ChatState.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch {
    return undefined;
  }
}
