import type { Dialect } from '../dialect.js';
import { renderOpenAiError } from '../openai-errors.js';
import { errorEvent } from './errors.js';
import { fromChat, ResponsesStreamWriter } from './from-chat.js';
import { isOwnReasoning } from './input.js';
import { pricedParameters } from './priced-parameters.js';
import { readResponsesCall, type ResponsesBody } from './request.js';
import { readAnswer, ResponsesStreamReader } from './stream-reader.js';
import { toChat } from './to-chat.js';

/** OpenAI's `POST /v1/responses`. Answers are not kept here: a provider that speaks the protocol may keep its own. */
export const responses: Dialect = {
  name: 'responses',
  read: readResponsesCall,
  pricedParameters: ({ body }) => pricedParameters(body as ResponsesBody),

  nativeBody: ({ body, streaming }, { model, maxOutputTokens }) => {
    const { stream: _, stream_options: options, input, ...others } = body as ResponsesBody;
    return {
      ...others,
      ...(input === undefined
        ? {}
        : { input: Array.isArray(input) ? input.filter((item) => !isOwnReasoning(item)) : input }),
      model,
      max_output_tokens: maxOutputTokens,
      ...(streaming ? { stream: true, ...(options === undefined ? {} : { stream_options: options }) } : {}),
    };
  },
  readAnswer,
  readStream: () => new ResponsesStreamReader(),

  toChat,
  fromChat,
  writeStream: (call) => new ResponsesStreamWriter(call),

  done: undefined,
  error: renderOpenAiError,
  errorEvent,
};
