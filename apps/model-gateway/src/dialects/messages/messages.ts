import type { ChatCall, Dialect } from '../dialect.js';
import { anthropicErrorEvent, renderAnthropicError } from './errors.js';
import { outputBytes, readUsage, type Written } from './figures.js';
import { fromChat } from './from-chat.js';
import { pricedParameters } from './priced-parameters.js';
import { bodyOf, readMessagesCall } from './request.js';
import { MessageStreamReader } from './stream-reader.js';
import { MessageStreamWriter } from './stream-writer.js';
import { withoutUnsigned } from './thoughts.js';
import { toChat } from './to-chat.js';

const answerBytes = (content: unknown): number =>
  Array.isArray(content) ? (content as Written[]).reduce((sum, block) => sum + outputBytes(block), 0) : 0;

const nativeBody = (call: ChatCall, target: { model: string; maxOutputTokens: number }): Record<string, unknown> => {
  const body = bodyOf(call);
  return { ...body, messages: withoutUnsigned(body.messages), model: target.model, max_tokens: target.maxOutputTokens };
};

/** Anthropic's `POST /v1/messages`. */
export const messages: Dialect = {
  name: 'messages',
  read: readMessagesCall,
  pricedParameters,

  nativeBody,
  readAnswer: ({ usage, content }) => ({ usage: readUsage(usage), bytes: answerBytes(content) }),
  readStream: () => new MessageStreamReader(),

  toChat,
  fromChat,
  writeStream: (call) => new MessageStreamWriter(call),

  done: undefined,
  requestIdHeader: 'request-id',
  error: renderAnthropicError,
  errorEvent: anthropicErrorEvent,
};
