import type { ChatInput } from '../input.js';
import type { Message } from '../conversation/state.js';
import type { ToolDescription } from '../tools/tool.js';

/** The parts of a request that the task decides. */
export type ModelSettings = Pick<ChatInput, 'model' | 'maxOutputTokens' | 'reasoning' | 'temperature'>;

export interface Question {
  system: string;
  /** Said by the user before the conversation. */
  opening: string;
  messages: readonly Message[];
  tools: readonly ToolDescription[];
  /** Instead of the task's own limit. */
  maxOutputTokens?: number;
}

function wireMessage(message: Message): object {
  if (message.role === 'user') return { role: 'user', content: message.text };
  if (message.role === 'tool') return { role: 'tool', tool_call_id: message.callId, content: message.text };
  const { text, calls } = message;
  if (calls.length === 0) return { role: 'assistant', content: text };
  return {
    role: 'assistant',
    content: text === '' ? null : text,
    tool_calls: calls.map((call) => ({
      id: call.id,
      type: 'function',
      function: { name: call.name, arguments: call.arguments },
    })),
  };
}

/** A request in OpenAI's terms. What does not change comes first, so that a provider's prompt cache can keep it. */
export function requestBody(settings: ModelSettings, question: Question): Record<string, unknown> {
  const { model, maxOutputTokens, reasoning, temperature } = settings;
  const limit = question.maxOutputTokens ?? maxOutputTokens;
  return {
    model,
    stream: true,
    stream_options: { include_usage: true },
    ...(question.tools.length === 0
      ? {}
      : {
          tools: question.tools.map(({ name, description, parameters }) => ({
            type: 'function',
            function: { name, description, parameters },
          })),
        }),
    ...(limit === undefined ? {} : { max_completion_tokens: limit }),
    ...(reasoning === undefined ? {} : { reasoning_effort: reasoning }),
    ...(temperature === undefined ? {} : { temperature }),
    messages: [
      { role: 'system', content: question.system },
      { role: 'user', content: question.opening },
      ...question.messages.map(wireMessage),
    ],
  };
}
