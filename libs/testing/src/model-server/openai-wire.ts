import { countInput } from './tokens.js';
import { type Answer, isObject, positive, type Wire } from './wire.js';

const frame = (body: unknown): string => `data: ${JSON.stringify(body)}\n\n`;

function usage({ plan, choices, inputTokens, cachedTokens }: Answer): Record<string, unknown> {
  const outputTokens = plan.outputTokens * choices;
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    completion_tokens_details: { reasoning_tokens: plan.reasoningTokens * choices },
  };
}

function chunk({ call }: Answer, rest: Record<string, unknown>): string {
  const head = { id: `chatcmpl-demo-${call.id}`, object: 'chat.completion.chunk', created: 0, model: call.model };
  return frame({ ...head, ...rest });
}

const choiceChunk = (answer: Answer, index: number, delta: unknown, finish: string | null = null): string =>
  chunk(answer, { choices: [{ index, delta, logprobs: null, finish_reason: finish }] });

const toolCalls = ({ plan, call }: Answer, indexed: boolean) =>
  plan.toolCalls.map((tool, index) => ({
    ...(indexed ? { index } : {}),
    id: `call_demo_${call.id}_${index}`,
    type: 'function',
    function: { name: tool.name, arguments: JSON.stringify(tool.arguments) },
  }));

const each = <T>(answer: Answer, make: (choice: number) => T): T[] =>
  Array.from({ length: answer.choices }, (_, index) => make(index));

/** `POST /v1/chat/completions` as OpenAI documents it. */
export const openaiWire: Wire = {
  api: 'openai',
  streamType: 'text/event-stream; charset=utf-8',
  read(body) {
    if (typeof body.model !== 'string' || !Array.isArray(body.messages)) return undefined;
    return {
      model: body.model,
      streaming: body.stream === true,
      outputLimit: positive(body.max_completion_tokens) ?? positive(body.max_tokens),
      inputTokens: countInput(body.messages as Record<string, unknown>[], body.tools),
      choices: positive(body.n) ?? 1,
      streamUsage: isObject(body.stream_options) && body.stream_options.include_usage === true,
    };
  },
  error: (status, message, code) => ({
    error: { message, type: status >= 500 ? 'server_error' : 'invalid_request_error', param: null, code: code ?? null },
  }),
  whole: (answer) => ({
    id: `chatcmpl-demo-${answer.call.id}`,
    object: 'chat.completion',
    created: 0,
    model: answer.call.model,
    choices: each(answer, (index) => ({
      index,
      message: {
        role: 'assistant',
        content: answer.plan.text === '' && answer.plan.toolCalls.length > 0 ? null : answer.plan.text,
        refusal: null,
        ...(answer.plan.toolCalls.length > 0 ? { tool_calls: toolCalls(answer, false) } : {}),
      },
      logprobs: null,
      finish_reason: answer.plan.finish,
    })),
    ...(answer.usage ? { usage: usage(answer) } : {}),
  }),
  opening: (answer) => each(answer, (index) => choiceChunk(answer, index, { role: 'assistant', content: '' })),
  piece: (answer, choice, text) => choiceChunk(answer, choice, { content: text }),
  closing: (answer) => [
    ...(answer.plan.toolCalls.length > 0
      ? each(answer, (index) => choiceChunk(answer, index, { tool_calls: toolCalls(answer, true) }))
      : []),
    ...each(answer, (index) => choiceChunk(answer, index, {}, answer.plan.finish)),
    ...(answer.usage ? [chunk(answer, { choices: [], usage: usage(answer) })] : []),
    'data: [DONE]\n\n',
  ],
  errorInStream: (message) => frame({ error: { message, type: 'server_error', param: null, code: null } }),
};
