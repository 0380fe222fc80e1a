import { randomUUID } from 'node:crypto';
import {
  type ChatAnswer,
  type ChatChunk,
  type ChatMessage,
  type ChatRequest,
  ProviderError,
  readChatUsage,
} from '@purser/plugin-sdk';

/** What a model that only continues a text has nothing for. */
export const unsupportedInText = [
  'logprobs',
  'n',
  'parallel_tool_calls',
  'reasoning_effort',
  'response_format',
  'tool_choice',
  'tools',
  'top_logprobs',
] as const;

const cannot = (message: string) => new ProviderError('invalid_request', message, { mayBill: false });

function textOf({ content }: ChatMessage): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return (content as { type?: unknown; text?: unknown }[])
    .map((part) => {
      if (part.type === 'text' && typeof part.text === 'string') return part.text;
      throw cannot(`a model for text generation has no content parts of type "${String(part.type)}"`);
    })
    .join('\n');
}

/** One message is the text to be continued, as it is; of several a script is made whose next line is the assistant's. */
export function promptOf(messages: readonly ChatMessage[]): string {
  const [first] = messages;
  if (messages.length === 1 && first) return textOf(first);
  return [...messages.map((message) => `${message.role}: ${textOf(message)}`), 'assistant:'].join('\n');
}

/** The call as the client wants it. What stands beside the prompt has the same names in completions as in chat. */
export function textArguments(request: ChatRequest): Record<string, unknown> {
  const { messages, max_completion_tokens: limit, max_tokens: _old, ...rest } = request;
  return { ...rest, inputs: promptOf(messages), parameters: { max_new_tokens: limit } };
}

interface Completion {
  created?: number;
  model?: string;
  choices?: { text?: string; finish_reason?: string | null }[];
  usage?: unknown;
}

/** TGI has names of its own for why it stopped. */
const finishOf = (reason: string | null | undefined): string | null =>
  reason === null || reason === undefined ? null : reason === 'length' ? 'length' : 'stop';

const head = (model: string, { created }: Completion) => ({
  id: `chatcmpl-${randomUUID()}`,
  created: created ?? Math.floor(Date.now() / 1000),
  model,
});

export function toChat(model: string, body: Completion): ChatAnswer {
  const [choice] = body.choices ?? [];
  const usage = readChatUsage(body.usage);
  const message = { role: 'assistant', content: choice?.text ?? '', refusal: null };
  const completion = {
    ...head(model, body),
    object: 'chat.completion',
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishOf(choice?.finish_reason) ?? 'stop' }],
    ...(usage ? { usage: body.usage } : {}),
  };
  return { completion, usage };
}

/** The chunks of one stream share an id. */
export class TextChunks {
  private readonly first: ReturnType<typeof head>;
  private begun = false;

  constructor(model: string) {
    this.first = head(model, {});
  }

  chunk(part: Completion): ChatChunk {
    const usage = readChatUsage(part.usage);
    const choices = (part.choices ?? []).map(({ text, finish_reason }) => {
      const delta = { ...(this.begun ? {} : { role: 'assistant' }), ...(text ? { content: text } : {}) };
      this.begun = true;
      return { index: 0, delta, logprobs: null, finish_reason: finishOf(finish_reason) };
    });
    const chunk = { ...this.first, object: 'chat.completion.chunk', choices, ...(usage ? { usage: part.usage } : {}) };
    return { chunk, ...(usage ? { usage } : {}) };
  }
}
