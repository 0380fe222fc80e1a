import { Call } from '../calls.js';
import { ERRORS } from '../errors.js';
import { jsonSchema } from './json-schema.js';

type Protocol = 'OpenAI' | 'Anthropic' | 'Purser';

interface Endpoint {
  method: 'get' | 'post';
  path: string;
  id: string;
  summary: string;
  /** Whose protocol the body, the answer and the errors follow. */
  protocol: Protocol;
  /** Absent for what has no body. `fields` are those that the gateway itself reads; all others travel on, or are refused by name. */
  body?: { type: 'application/json' | 'multipart/form-data'; fields: Record<string, object>; required: string[] };
  /** What the answer may be besides JSON. */
  alsoAnswers?: string;
  /** A model is called, so it has a price and tells where it went. */
  calls: boolean;
}

const model = { type: 'string', description: 'A capability, or a model as `gpt-5-mini` or `openai/gpt-5-mini`' };
const stream = { type: 'boolean', description: 'Answer in server-sent events' };
const tokens = { type: 'integer', minimum: 1, description: 'The output limit; the hold is taken for all of it' };
const list = { type: 'array', items: {} };
const EVENTS = 'text/event-stream';

/** What the gateway serves on its port. A spec of the gateway holds it against the routes. */
export const GATEWAY_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'post',
    path: '/v1/chat/completions',
    id: 'chat-completions',
    summary: 'A chat completion.',
    protocol: 'OpenAI',
    body: {
      type: 'application/json',
      fields: { model, messages: list, stream, max_completion_tokens: tokens, max_tokens: tokens, tools: list },
      required: ['model', 'messages'],
    },
    alsoAnswers: EVENTS,
    calls: true,
  },
  {
    method: 'post',
    path: '/v1/responses',
    id: 'responses',
    summary: 'A response. Nothing is stored.',
    protocol: 'OpenAI',
    body: {
      type: 'application/json',
      fields: { model, input: {}, stream, max_output_tokens: tokens, tools: list },
      required: ['model'],
    },
    alsoAnswers: EVENTS,
    calls: true,
  },
  {
    method: 'post',
    path: '/v1/messages',
    id: 'messages',
    summary: 'A message.',
    protocol: 'Anthropic',
    body: {
      type: 'application/json',
      fields: { model, messages: list, stream, max_tokens: tokens, tools: list },
      required: ['model', 'messages', 'max_tokens'],
    },
    alsoAnswers: EVENTS,
    calls: true,
  },
  {
    method: 'post',
    path: '/v1/messages/count_tokens',
    id: 'count-tokens',
    summary: 'The input tokens of a message, at no cost; `x-purser-estimated: true` when no provider counted them.',
    protocol: 'Anthropic',
    body: { type: 'application/json', fields: { model, messages: list }, required: ['model', 'messages'] },
    calls: false,
  },
  {
    method: 'post',
    path: '/v1/embeddings',
    id: 'embeddings',
    summary: 'Embeddings of a text, of texts, of tokens or of lists of tokens.',
    protocol: 'OpenAI',
    body: {
      type: 'application/json',
      fields: { model, input: {}, encoding_format: { enum: ['float', 'base64'] }, dimensions: { type: 'integer' } },
      required: ['model', 'input'],
    },
    calls: true,
  },
  {
    method: 'post',
    path: '/v1/images/generations',
    id: 'images',
    summary: 'Pictures. Not streamed.',
    protocol: 'OpenAI',
    body: {
      type: 'application/json',
      fields: {
        model,
        prompt: { type: 'string' },
        n: { type: 'integer', minimum: 1, maximum: 10 },
        size: { type: 'string' },
        quality: { type: 'string' },
      },
      required: ['model', 'prompt'],
    },
    calls: true,
  },
  {
    method: 'post',
    path: '/v1/audio/transcriptions',
    id: 'transcriptions',
    summary: 'Speech to text. Not streamed.',
    protocol: 'OpenAI',
    body: {
      type: 'multipart/form-data',
      fields: {
        model,
        file: { type: 'string', contentMediaType: 'application/octet-stream', description: 'At most 25 MiB' },
        response_format: { type: 'string', description: '`json` when left out; `text`, `srt`, `verbose_json`, `vtt`' },
        language: { type: 'string' },
      },
      required: ['model', 'file'],
    },
    alsoAnswers: 'text/plain',
    calls: true,
  },
  {
    method: 'get',
    path: '/v1/models',
    id: 'models',
    summary: 'What can be asked for; in Anthropic’s shape for clients that send `anthropic-version`.',
    protocol: 'OpenAI',
    calls: false,
  },
  {
    method: 'get',
    path: '/v1/calls/{id}',
    id: 'call',
    summary: 'What became of one call: of the key’s own ones, or of any with the admin key.',
    protocol: 'Purser',
    calls: false,
  },
];

const text = (description: string) => ({ description, schema: { type: 'string' } });

const HEADERS = {
  'x-request-id': text('The id of the call, by which `GET /v1/calls/{id}` and the ledger know it'),
  'x-purser-tier': text('The tier that answered'),
  'x-purser-provider': text('Its provider'),
  'x-purser-model': text('Its model'),
  'x-purser-cost-usd': text(
    'What the call cost in dollars, failed attempts included; in streams a comment before the end',
  ),
  'x-purser-fallback-reason': text('Why earlier tiers were passed over; absent when none was'),
  'x-purser-max-tokens-set': text('The output limit, when the gateway set it'),
};

const nullable = { type: ['string', 'null'] };
const object = (properties: Record<string, object>) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
});

const openAiError = object({
  error: object({ message: { type: 'string' }, type: { type: 'string' }, param: nullable, code: { type: 'string' } }),
});
const anthropicError = object({
  type: { const: 'error' },
  error: object({
    type: { type: 'string' },
    message: { type: 'string' },
    details: object({ error_code: { type: 'string' } }),
  }),
  request_id: nullable,
});

/** One status may stand for several codes. Wrong requests are 400 on these paths, as the vendors' clients expect. */
function refusals(protocol: Protocol): Record<string, object> {
  const meanings = new Map<number, string[]>();
  for (const [code, { status, meaning }] of Object.entries(ERRORS)) {
    const shown = code === 'invalid_request' ? 400 : status;
    // As the clients of the model endpoints look for it.
    const name = code === 'budget_exhausted' ? 'budget_exceeded' : code;
    meanings.set(shown, [...(meanings.get(shown) ?? []), `\`${name}\`: ${meaning}`]);
  }
  const schema = { $ref: `#/components/schemas/${protocol === 'Anthropic' ? 'AnthropicError' : 'OpenAiError'}` };
  return Object.fromEntries(
    [...meanings].map(([status, said]) => [
      String(status),
      { description: said.join(' '), content: { 'application/json': { schema } } },
    ]),
  );
}

/** The model endpoints as an OpenAPI 3.1 document. */
export const gatewayOpenApi = (version: string): Record<string, unknown> => ({
  openapi: '3.1.0',
  info: {
    title: 'Purser model gateway',
    version,
    description:
      'Bodies and answers follow the vendors’ own protocols, for their clients as they are; described here is what the gateway itself reads and adds. Every other field travels on to a provider that knows it; one that could change the price is refused by name where a budget applies.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [{ url: 'http://127.0.0.1:8080' }],
  security: [{ bearer: [] }, { apiKey: [] }],
  paths: Object.fromEntries(GATEWAY_ENDPOINTS.map((one) => [one.path, { [one.method]: described(one) }])),
  components: {
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer', description: 'A key made by `purser key create`, or the admin key' },
      apiKey: {
        type: 'apiKey',
        in: 'header',
        name: 'x-api-key',
        description: 'The same, as Anthropic’s clients send it',
      },
    },
    headers: HEADERS,
    schemas: { Call: jsonSchema(Call, 'output'), OpenAiError: openAiError, AnthropicError: anthropicError },
  },
});

function described({ id, summary, protocol, body, alsoAnswers, calls, path }: Endpoint): object {
  const answer =
    protocol === 'Purser' ? { $ref: '#/components/schemas/Call' } : { type: 'object', description: `As ${protocol}’s` };
  const names = Object.keys(HEADERS);
  return {
    operationId: id,
    tags: [protocol],
    summary,
    parameters: [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      ...{ name, in: 'path', required: true, schema: { type: 'string' } },
    })),
    ...(body
      ? {
          requestBody: {
            required: true,
            content: {
              [body.type]: {
                schema: {
                  type: 'object',
                  properties: body.fields,
                  required: body.required,
                  additionalProperties: true,
                },
              },
            },
          },
        }
      : {}),
    responses: {
      '200': {
        description: summary,
        ...(calls
          ? { headers: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }])) }
          : {}),
        content: {
          'application/json': { schema: answer },
          ...(alsoAnswers ? { [alsoAnswers]: { schema: { type: 'string' } } } : {}),
        },
      },
      ...refusals(protocol),
    },
  };
}
