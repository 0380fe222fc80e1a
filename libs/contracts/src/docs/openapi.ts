import type { HttpRoute, Operation } from '../contract.js';
import { ErrorReply, ERRORS } from '../errors.js';
import { jsonSchema, type JsonSchema } from './json-schema.js';

interface Served extends Operation {
  http: HttpRoute;
}

/** The control API as an OpenAPI 3.1 document. */
export function openApi(operations: readonly Operation[], version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    if (!isServed(operation)) continue;
    const path = operation.http.path.replaceAll(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[operation.http.method.toLowerCase()] = describe(operation);
  }
  paths['/v1/events'] = { get: EVENTS };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Purser control API',
      version,
      description:
        'Each path asks the operation of the same name on the bus. Amounts are decimal strings in dollars, times ISO 8601.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:8081' }],
    security: [{ adminKey: [] }],
    paths,
    components: {
      securitySchemes: {
        adminKey: { type: 'http', scheme: 'bearer', description: 'The content of `.purser/admin.key`.' },
      },
      schemas: { Error: jsonSchema(ErrorReply, 'output') },
    },
  };
}

const query = (name: string, schema: object, description: string) => ({ name, in: 'query', schema, description });

/** Answered by the control API itself, from the stream of facts; asyncapi.json has their shapes. */
const EVENTS = {
  operationId: 'events',
  tags: ['orchestrator'],
  summary: 'What happens, as it happens, as server-sent events.',
  parameters: [
    query('subjects', { type: 'string' }, 'Only these, separated by commas, such as `task.>,alert.critical.*`.'),
    query('task', { type: 'string' }, 'Only those of one task.'),
    query('after', { type: 'integer' }, 'The place to go on from; 0 is all that is kept. `Last-Event-ID` counts more.'),
    {
      name: 'Last-Event-ID',
      in: 'header',
      schema: { type: 'integer' },
      description: 'The `id` of the last event that was received: nothing after it is lost.',
    },
  ],
  responses: {
    '200': {
      description:
        'Each message is a CloudEvent, its `id` the place of the event. Besides: `event: open` (nothing is missed from here on), `gap` (something was), `dropped` (too slow), `closing`.',
      content: { 'text/event-stream': { schema: { type: 'string' } } },
    },
  },
};

const isServed = (operation: Operation): operation is Served => operation.http !== undefined;

function describe(operation: Served): Record<string, unknown> {
  const { http, name, owner, summary } = operation;
  const inPath = [...http.path.matchAll(/:(\w+)/g)].map(([, field]) => field ?? '');
  const { properties = {}, required = [], ...rest } = jsonSchema(operation.request, 'input');
  const others = Object.keys(properties).filter((field) => !inPath.includes(field));
  const inBody = (http.method === 'POST' || http.method === 'PUT') && others.length > 0;
  const parameter = (field: string, place: 'path' | 'query') => ({
    name: field,
    in: place,
    required: place === 'path' || required.includes(field),
    schema: properties[field],
  });
  return {
    operationId: name,
    tags: [owner],
    summary,
    parameters: [
      ...inPath.map((field) => parameter(field, 'path')),
      ...(inBody ? [] : others.map((field) => parameter(field, 'query'))),
    ],
    ...(inBody ? { requestBody: body(others, { ...rest, properties, required }, http.list) } : {}),
    responses: {
      [String(http.status ?? 200)]: {
        description: summary,
        content: { 'application/json': { schema: jsonSchema(operation.reply, 'output') } },
      },
      ...refusals,
    },
  };
}

function body(
  fields: string[],
  { properties = {}, required = [], ...rest }: JsonSchema,
  list: string | undefined,
): Record<string, unknown> {
  const kept = required.filter((field) => fields.includes(field));
  const schema = {
    ...rest,
    properties: Object.fromEntries(fields.map((field) => [field, properties[field]])),
    ...(kept.length > 0 ? { required: kept } : {}),
  };
  if (list === undefined) return { required: kept.length > 0, content: { 'application/json': { schema } } };
  const lines = { schema: { type: 'string', description: `A line of JSON for each of \`${list}\`.` } };
  const either = { schema: { anyOf: [schema, properties[list]] } };
  return { required: kept.length > 0, content: { 'application/json': either, 'application/x-ndjson': lines } };
}

const refusal = (description: string) => ({
  description,
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
});

const refusals = {
  '401': refusal(ERRORS.unauthorized.meaning),
  '422': refusal(ERRORS.invalid_request.meaning),
  default: refusal('Any other error; `error.code` is one of docs/errors.md.'),
};
