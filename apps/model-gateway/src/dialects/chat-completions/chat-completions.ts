import { type ChatMessage, readChatUsage } from '@purser/plugin-sdk';
import type { ChatCall, Dialect } from '../dialect.js';
import { openAiError, renderOpenAiError } from '../openai-errors.js';
import { answerBytes } from './figures.js';
import { pricedParameters } from './priced-parameters.js';
import { type ChatBody, readChatCall } from './request.js';
import { chatDone, ChatStreamReader, ChatStreamWriter } from './stream.js';

/** The body without what the gateway decides: whether it streams, and the output limit under both its names. */
function rest({ body }: ChatCall): Record<string, unknown> {
  const { stream: _, stream_options: _options, max_tokens: _limit, max_completion_tokens: _new, ...others } = body;
  return others;
}

/** OpenAI's `POST /v1/chat/completions`, which is also what providers are asked in when they do not speak the client's protocol. */
export const chatCompletions: Dialect = {
  name: 'chat-completions',
  read: readChatCall,
  pricedParameters: ({ body }) => pricedParameters(body as ChatBody),

  nativeBody: (call, { model, maxOutputTokens }) => ({
    ...rest(call),
    model,
    max_completion_tokens: maxOutputTokens,
    ...(call.streaming
      ? { stream: true, stream_options: { ...(call.body as ChatBody).stream_options, include_usage: true } }
      : {}),
  }),
  readAnswer: (answer) => ({
    usage: readChatUsage(answer.usage, answer.service_tier),
    bytes: answerBytes(answer),
  }),
  readStream: (call) => new ChatStreamReader(call),

  toChat: (call) => ({ body: rest(call) as { messages: ChatMessage[] }, lost: [] }),
  fromChat: (completion) => completion,
  writeStream: (call) => new ChatStreamWriter(call),

  done: chatDone,
  error: renderOpenAiError,
  errorEvent: (error) => ({ data: JSON.stringify(openAiError(error)) }),
};
