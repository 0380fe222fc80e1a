type JsonSchema = Record<string, unknown>;

const isObject = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isPlain = (value: unknown): boolean => typeof value !== 'object' || value === null;

const asIs = (value: unknown): unknown => value;
const number = (value: unknown): unknown => (typeof value === 'number' ? value : undefined);
const schema = (value: unknown): unknown => (isObject(value) ? readable(value) : booleanOnly(value));
const booleanOnly = (value: unknown): unknown => (typeof value === 'boolean' ? value : undefined);
const alternatives = (value: unknown): unknown =>
  Array.isArray(value) && value.length > 0 ? value.map((one) => schema(one) ?? {}) : undefined;
const fields = (value: unknown): unknown =>
  isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([name, field]) => [name, schema(field) ?? {}]))
    : undefined;

/** What is read of a schema, and how. */
const KEYWORDS: Readonly<Record<string, (value: unknown) => unknown>> = {
  type: asIs,
  required: asIs,
  description: asIs,
  properties: fields,
  additionalProperties: schema,
  items: schema,
  anyOf: alternatives,
  allOf: alternatives,
  // Values that are compared one by one: of lists and objects only the identity would be.
  enum: (value) => (Array.isArray(value) && value.every(isPlain) ? value : undefined),
  const: (value) => (isPlain(value) ? value : undefined),
  minimum: number,
  maximum: number,
  exclusiveMinimum: number,
  exclusiveMaximum: number,
  minLength: number,
  minItems: number,
  maxItems: number,
};

/** Where one of these is not read, another one would refuse what it lets pass. */
const GOES_WITH: Readonly<Record<string, readonly string[]>> = {
  patternProperties: ['additionalProperties'],
  prefixItems: ['items'],
};

/**
 * The part of a runner's JSON Schema that can be checked in time that nobody else determines: no patterns, no formats,
 * no references, and nothing that is not known here. It takes whatever the whole schema takes.
 */
export function readable(whole: JsonSchema): JsonSchema {
  const left = new Set(Object.entries(GOES_WITH).flatMap(([name, others]) => (name in whole ? others : [])));
  const read = Object.entries(KEYWORDS).flatMap(([name, part]) => {
    const value = Object.hasOwn(whole, name) && !left.has(name) ? part(whole[name]) : undefined;
    return value === undefined ? [] : [[name, value] as const];
  });
  const part = Object.fromEntries(read);
  // What exactly one of several may take is, when each of them takes more, what any of them takes.
  const anyOf = 'anyOf' in whole ? undefined : alternatives(whole.oneOf);
  return anyOf === undefined ? part : { ...part, anyOf };
}
