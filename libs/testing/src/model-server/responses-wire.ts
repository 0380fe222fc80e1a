import type { CallRecord } from './bill.js';
import { countInput, pieces } from './tokens.js';
import { type Answer, isObject, positive, type Wire } from './wire.js';

/** Events are numbered through within one stream. */
const numbers = new WeakMap<CallRecord, number>();

function frame({ call }: Answer, type: string, body: object): string {
  const sequence_number = numbers.get(call) ?? 0;
  numbers.set(call, sequence_number + 1);
  return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number, ...body })}\n\n`;
}

function inputOf({ instructions, input, tools }: Record<string, unknown>): number {
  const items = typeof input === 'string' ? [{ content: input }] : (input as Record<string, unknown>[]);
  // Calls and what came of them count with all that they say.
  const messages = items.map((item) => (item.content === undefined ? { content: item } : item));
  return countInput(typeof instructions === 'string' ? [{ content: instructions }, ...messages] : messages, tools);
}

const usage = ({ plan, inputTokens, cachedTokens, cacheWriteTokens }: Answer) => ({
  input_tokens: inputTokens,
  input_tokens_details: { cached_tokens: cachedTokens, cache_write_tokens: cacheWriteTokens },
  output_tokens: plan.outputTokens,
  output_tokens_details: { reasoning_tokens: plan.reasoningTokens },
  total_tokens: inputTokens + plan.outputTokens,
});

const part = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] });
const speaks = ({ plan }: Answer) => plan.pieces.length > 0;
const messageId = ({ call }: Answer) => `msg_demo_${call.id}`;

const message = (answer: Answer, status: string, content: object[]) => ({
  id: messageId(answer),
  type: 'message',
  status,
  role: 'assistant',
  content,
});

const ending = ({ plan }: Answer) => (plan.finish === 'length' ? 'incomplete' : 'completed');

const calls = ({ plan, call }: Answer) =>
  plan.toolCalls.map((tool, index) => ({
    id: `fc_demo_${call.id}_${index}`,
    type: 'function_call',
    status: 'completed',
    call_id: `call_demo_${call.id}_${index}`,
    name: tool.name,
    arguments: JSON.stringify(tool.arguments),
  }));

function response(answer: Answer, status: string, output: object[]): Record<string, unknown> {
  const { request, model, id } = answer.call;
  return {
    id: `resp_demo_${id}`,
    object: 'response',
    created_at: 0,
    status,
    error: null,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    model,
    output,
    parallel_tool_calls: true,
    service_tier: 'default',
    store: request.store ?? true,
    temperature: 1,
    text: request.text ?? { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: request.tools ?? [],
    top_p: 1,
    truncation: 'disabled',
    usage: status === 'in_progress' || !answer.usage ? null : usage(answer),
    metadata: request.metadata ?? {},
  };
}

const finished = (answer: Answer) =>
  response(answer, ending(answer), [
    ...(speaks(answer) ? [message(answer, ending(answer), [part(answer.plan.text)])] : []),
    ...calls(answer),
  ]);

const place = (answer: Answer) => ({ item_id: messageId(answer), output_index: 0, content_index: 0 });

function callFrames(answer: Answer): string[] {
  const first = speaks(answer) ? 1 : 0;
  return calls(answer).flatMap((item, at) => {
    const output_index = first + at;
    const where = { item_id: item.id, output_index };
    return [
      frame(answer, 'response.output_item.added', {
        output_index,
        item: { ...item, status: 'in_progress', arguments: '' },
      }),
      ...pieces(item.arguments, 2).map((delta) =>
        frame(answer, 'response.function_call_arguments.delta', { ...where, delta }),
      ),
      frame(answer, 'response.function_call_arguments.done', { ...where, arguments: item.arguments }),
      frame(answer, 'response.output_item.done', { output_index, item }),
    ];
  });
}

/** `POST /v1/responses` as OpenAI documents it. */
export const responsesWire: Wire = {
  api: 'responses',
  streamType: 'text/event-stream; charset=utf-8',
  read(body) {
    const { input } = body;
    if (
      typeof body.model !== 'string' ||
      !(typeof input === 'string' || (Array.isArray(input) && input.every(isObject)))
    )
      return undefined;
    return {
      model: body.model,
      streaming: body.stream === true,
      outputLimit: positive(body.max_output_tokens),
      inputTokens: inputOf(body),
      choices: 1,
      streamUsage: true,
    };
  },
  error: (status, text, code) => ({
    error: {
      message: text,
      type: status >= 500 ? 'server_error' : 'invalid_request_error',
      param: null,
      code: code ?? null,
    },
  }),
  whole: finished,
  opening: (answer) => [
    frame(answer, 'response.created', { response: response(answer, 'in_progress', []) }),
    frame(answer, 'response.in_progress', { response: response(answer, 'in_progress', []) }),
    ...(speaks(answer)
      ? [
          frame(answer, 'response.output_item.added', { output_index: 0, item: message(answer, 'in_progress', []) }),
          frame(answer, 'response.content_part.added', { ...place(answer), part: part('') }),
        ]
      : []),
  ],
  piece: (answer, _choice, delta) =>
    frame(answer, 'response.output_text.delta', { ...place(answer), delta, logprobs: [] }),
  closing: (answer) => [
    ...(speaks(answer)
      ? [
          frame(answer, 'response.output_text.done', { ...place(answer), text: answer.plan.text, logprobs: [] }),
          frame(answer, 'response.content_part.done', { ...place(answer), part: part(answer.plan.text) }),
          frame(answer, 'response.output_item.done', {
            output_index: 0,
            item: message(answer, ending(answer), [part(answer.plan.text)]),
          }),
        ]
      : []),
    ...callFrames(answer),
    frame(answer, `response.${ending(answer)}`, { response: finished(answer) }),
  ],
  // Its number is not known here, and nobody reads it.
  errorInStream: (text) =>
    `event: error\ndata: ${JSON.stringify({ type: 'error', code: 'server_error', message: text, param: null, sequence_number: 0 })}\n\n`,
};
