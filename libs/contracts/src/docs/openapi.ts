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
