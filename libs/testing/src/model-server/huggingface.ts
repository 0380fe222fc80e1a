import { readJson } from './body.js';
import { sendJson, serveChat } from './chat.js';
import { type Route, serveMedia } from './media.js';
import { openaiWire } from './openai-wire.js';
import { countTokens } from './tokens.js';
import { vectorOf } from './vectors.js';
import { type Answer, isObject, positive, type Wire } from './wire.js';

const frame = (body: unknown): string => `data: ${JSON.stringify(body)}\n\n`;

/** `estimated_time` as hf-inference tells it while a model is loaded. */
const error: Wire['error'] = (status, message) =>
  status === 503 ? { error: message, estimated_time: 20 } : { error: message };

const chatWire: Wire = { ...openaiWire, api: 'huggingface', error };

function completion(answer: Answer, text: string, finish: string | null, withUsage: boolean): Record<string, unknown> {
  const { call, plan, inputTokens } = answer;
  const counts = {
    prompt_tokens: inputTokens,
    completion_tokens: plan.outputTokens,
    total_tokens: inputTokens + plan.outputTokens,
  };
  return {
    id: `cmpl-demo-${call.id}`,
    object: 'text_completion',
    created: 0,
    model: call.model,
    choices: [{ index: 0, text, logprobs: null, finish_reason: finish }],
    ...(withUsage && answer.usage ? { usage: counts } : {}),
  };
}

/** Text generation: OpenAI's older completions, which is what the text generation servers and the SDK speak. */
const completionsWire: Wire = {
  ...chatWire,
  read(body) {
    if (typeof body.model !== 'string' || typeof body.prompt !== 'string') return undefined;
    return {
      model: body.model,
      streaming: body.stream === true,
      outputLimit: positive(body.max_tokens),
      inputTokens: countTokens(body.prompt),
      choices: 1,
      streamUsage: isObject(body.stream_options) && body.stream_options.include_usage === true,
    };
  },
  whole: (answer) => completion(answer, answer.plan.text, answer.plan.finish, true),
  opening: () => [],
  piece: (answer, _choice, text) => frame(completion(answer, text, null, false)),
  closing: (answer) => [
    frame(completion(answer, '', answer.plan.finish, false)),
    ...(answer.usage ? [frame({ ...completion(answer, '', null, true), choices: [] })] : []),
    'data: [DONE]\n\n',
  ],
};

const prefix = '/huggingface';
const pipeline = /^\/hf-inference\/models\/(.+)\/pipeline\/feature-extraction$/;

/** Hugging Face's router with its chat, and hf-inference behind it for text generation and feature extraction. */
export const huggingFaceRoute: Route = (path, request, response, rules) => {
  if (!path.startsWith(`${prefix}/`)) return undefined;
  const rest = path.slice(prefix.length);
  if (rules.apiKey !== undefined && request.headers.authorization !== `Bearer ${rules.apiKey}`)
    return Promise.resolve(sendJson(response, 401, { error: 'Invalid username or password.' }));
  if (request.method === 'GET' && rest === '/v1/models') {
    const data = rules.bill.models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'demo', providers: [] }));
    return Promise.resolve(sendJson(response, 200, { object: 'list', data }));
  }
  if (request.method === 'GET' && rest === '/health') return Promise.resolve(sendJson(response, 200, {}));
  if (request.method !== 'POST') return undefined;
  const embedded = decodeURIComponent(pipeline.exec(rest)?.[1] ?? '');
  return readJson(request).then((body = {}) => {
    if (rest === '/v1/chat/completions') return serveChat(chatWire, body, response, rules);
    if (rest.endsWith('/v1/completions')) return serveChat(completionsWire, body, response, rules);
    const { inputs } = body;
    const texts: unknown[] = Array.isArray(inputs) ? inputs : [inputs];
    if (embedded === '' || !texts.every((text) => typeof text === 'string'))
      return sendJson(response, 404, { error: 'Not Found' });
    const inputTokens = texts.reduce((sum, text) => sum + countTokens(text), 0);
    return serveMedia(
      {
        api: 'huggingface',
        operation: 'embeddings',
        model: embedded,
        request: body,
        error,
        make: ({ omitUsage }) => ({
          billed: { inputTokens, cachedTokens: 0, outputTokens: 0 },
          body: texts.map((text) => vectorOf(text)),
          // As text-embeddings-inference tells it; the body has no room for counts.
          ...(omitUsage ? {} : { headers: { 'x-compute-tokens': String(inputTokens) } }),
        }),
      },
      response,
      rules,
    );
  });
};
