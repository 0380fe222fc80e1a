import { countInput, pieces } from './tokens.js';
import { type Answer, positive, type Wire } from './wire.js';

const frame = (type: string, body: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;

const errorTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

export function anthropicError(status: number, message: string, code?: string): Record<string, unknown> {
  const type = errorTypes[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
  return {
    type: 'error',
    error: { type, message, ...(code === undefined ? {} : { details: { error_code: code } }) },
    request_id: 'req_demo',
  };
}

/** Text of the system prompt and of all messages, as if it were one more message. */
export function anthropicInput({ system, messages, tools }: Record<string, unknown>): number {
  const asked = messages as Record<string, unknown>[];
  return countInput(system === undefined ? asked : [{ content: system }, ...asked], tools);
}

/** Told apart here: what is read from the cache and written to it is no part of `input_tokens`. */
function usage(answer: Answer, outputTokens: number): Record<string, unknown> {
  const { inputTokens, cachedTokens, cacheWriteTokens, cacheWriteLongTokens, plan } = answer;
  return {
    input_tokens: inputTokens - cachedTokens - cacheWriteTokens - cacheWriteLongTokens,
    cache_creation_input_tokens: cacheWriteTokens + cacheWriteLongTokens,
    cache_read_input_tokens: cachedTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: cacheWriteTokens,
      ephemeral_1h_input_tokens: cacheWriteLongTokens,
    },
    output_tokens: outputTokens,
    service_tier: plan.serviceTier,
    inference_geo: 'not_available',
  };
}

/** As `message_delta` tells it: all counts so far, without what the start has said once and for all. */
function closingUsage(answer: Answer): Record<string, unknown> {
  const {
    cache_creation: _,
    service_tier: _tier,
    inference_geo: _geo,
    ...rest
  } = usage(answer, answer.plan.outputTokens);
  return { ...rest, output_tokens_details: { thinking_tokens: answer.plan.reasoningTokens } };
}

function stopReason({ plan }: Answer): string {
  if (plan.refusal !== undefined) return 'refusal';
  if (plan.finish === 'length') return 'max_tokens';
  if (plan.finish === 'tool_calls') return 'tool_use';
  return plan.stopSequence === undefined ? 'end_turn' : 'stop_sequence';
}

const stop = (answer: Answer) => ({
  stop_reason: stopReason(answer),
  stop_sequence: answer.plan.stopSequence ?? null,
  ...(answer.plan.refusal === undefined
    ? {}
    : { stop_details: { type: 'refusal', category: null, explanation: answer.plan.refusal } }),
});

const message = ({ call }: Answer, rest: object) => ({
  id: `msg_demo_${call.id}`,
  type: 'message',
  role: 'assistant',
  model: call.model,
  ...rest,
});

const toolUses = ({ plan, call }: Answer) =>
  plan.toolCalls.map((tool, index) => ({
    type: 'tool_use',
    id: `toolu_demo_${call.id}_${index}`,
    name: tool.name,
    input: tool.arguments,
  }));

const signature = 'c2lnbmVk';
const thinks = ({ plan }: Answer) => plan.thinking !== '';
const speaks = ({ plan }: Answer) => plan.pieces.length > 0;
const textBlock = (answer: Answer) => (thinks(answer) ? 1 : 0);

const blockStart = (index: number, block: object) => frame('content_block_start', { index, content_block: block });
const blockDelta = (index: number, delta: object) => frame('content_block_delta', { index, delta });
const blockStop = (index: number) => frame('content_block_stop', { index });

function thinkingFrames({ plan }: Answer): string[] {
  return [
    blockStart(0, { type: 'thinking', thinking: '', signature: '' }),
    ...pieces(plan.thinking, 4).map((thinking) => blockDelta(0, { type: 'thinking_delta', thinking })),
    blockDelta(0, { type: 'signature_delta', signature }),
    blockStop(0),
  ];
}

/** Arguments come in pieces that are no JSON by themselves, after an empty one; none at all come for an empty object. */
function toolFrames(answer: Answer): string[] {
  const first = textBlock(answer) + (speaks(answer) ? 1 : 0);
  return toolUses(answer).flatMap(({ input, ...block }, at) => [
    blockStart(first + at, { ...block, input: {} }),
    ...(Object.keys(input).length === 0 ? [''] : ['', ...pieces(JSON.stringify(input), 2)]).map((partial_json) =>
      blockDelta(first + at, { type: 'input_json_delta', partial_json }),
    ),
    blockStop(first + at),
  ]);
}

/** `POST /v1/messages` as Anthropic documents it. */
export const anthropicWire: Wire = {
  api: 'anthropic',
  streamType: 'text/event-stream; charset=utf-8',
  read(body) {
    if (typeof body.model !== 'string' || !Array.isArray(body.messages)) return undefined;
    return {
      model: body.model,
      streaming: body.stream === true,
      outputLimit: positive(body.max_tokens),
      inputTokens: anthropicInput(body),
      choices: 1,
      streamUsage: true,
    };
  },
  error: (status, text, code) => anthropicError(status, text, code),
  whole: (answer) =>
    message(answer, {
      content: [
        ...(thinks(answer) ? [{ type: 'thinking', thinking: answer.plan.thinking, signature }] : []),
        ...(speaks(answer) ? [{ type: 'text', text: answer.plan.text, citations: null }] : []),
        ...toolUses(answer),
      ],
      ...stop(answer),
      ...(answer.usage
        ? {
            usage: {
              ...usage(answer, answer.plan.outputTokens),
              output_tokens_details: { thinking_tokens: answer.plan.reasoningTokens },
            },
          }
        : {}),
    }),
  opening: (answer) => [
    frame('message_start', {
      message: message(answer, {
        content: [],
        stop_reason: null,
        stop_sequence: null,
        ...(answer.usage ? { usage: usage(answer, 1) } : {}),
      }),
    }),
    frame('ping', {}),
    ...(thinks(answer) ? thinkingFrames(answer) : []),
    ...(speaks(answer) ? [blockStart(textBlock(answer), { type: 'text', text: '' })] : []),
  ],
  piece: (answer, _choice, text) => blockDelta(textBlock(answer), { type: 'text_delta', text }),
  closing: (answer) => [
    ...(speaks(answer) ? [blockStop(textBlock(answer))] : []),
    ...toolFrames(answer),
    frame('message_delta', { delta: stop(answer), ...(answer.usage ? { usage: closingUsage(answer) } : {}) }),
    frame('message_stop', {}),
  ],
  errorInStream: (text) => frame('error', { error: { type: 'overloaded_error', message: text } }),
};
