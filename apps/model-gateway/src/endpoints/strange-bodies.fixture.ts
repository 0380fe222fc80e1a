import fc from 'fast-check';

const picture = 'data:image/png;base64,iVBORw0KGgo=';
const look = { type: 'object', properties: { at: { type: 'string' } } };

/** Requests that use what the protocols have, to begin from. */
export const REQUESTS = {
  chat: {
    messages: [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look.' },
          { type: 'image_url', image_url: { url: picture } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'a cat' },
      { role: 'user', content: 'And now?' },
    ],
    max_tokens: 40,
    stream: false,
    stream_options: { include_usage: true },
    tools: [{ type: 'function', function: { name: 'look', description: 'Look', parameters: look } }],
    tool_choice: { type: 'function', function: { name: 'look' } },
    response_format: { type: 'json_schema', json_schema: { name: 'seen', schema: look } },
    temperature: 0.5,
    stop: ['END'],
    n: 1,
    logprobs: false,
    metadata: { a: 'b' },
  },
  messages: {
    system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look.' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'I look.', signature: 'c2ln' },
          { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'it' } },
        ],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'a cat' }] }],
      },
    ],
    max_tokens: 2_000,
    stream: false,
    tools: [{ name: 'look', description: 'Look', input_schema: look }],
    tool_choice: { type: 'auto', disable_parallel_tool_use: true },
    thinking: { type: 'enabled', budget_tokens: 1_024 },
    temperature: 1,
    stop_sequences: ['END'],
    metadata: { user_id: 'u' },
  },
  responses: {
    instructions: 'Be brief.',
    input: [
      {
        type: 'message',
        role: 'user',
        content: [
          { type: 'input_text', text: 'Look.' },
          { type: 'input_image', detail: 'auto', image_url: picture },
        ],
      },
      { type: 'function_call', call_id: 'call_1', name: 'look', arguments: '{}' },
      { type: 'function_call_output', call_id: 'call_1', output: 'a cat' },
      { role: 'user', content: 'And now?' },
    ],
    max_output_tokens: 40,
    stream: false,
    store: false,
    tools: [{ type: 'function', name: 'look', description: 'Look', parameters: look, strict: false }],
    tool_choice: 'auto',
    parallel_tool_calls: true,
    text: { format: { type: 'json_schema', name: 'seen', schema: look } },
    temperature: 0.5,
    metadata: { a: 'b' },
  },
} as const;

const junk = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    null,
    '',
    0,
    -1,
    1e21,
    0.5,
    [],
    {},
    [null],
    [[]],
    'true',
    true,
    false,
    '\ud800',
    'x'.repeat(70_000),
  ),
  fc.constantFrom<unknown>(
    'assistant',
    'developer',
    'thinking',
    'document',
    'web_search_20250305',
    'file_id',
    'https://a.b/c.png',
  ),
);

interface Change {
  at: number;
  how: 'replace' | 'remove' | 'add' | 'double';
  name: string;
  value: unknown;
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(),
  how: fc.constantFrom('replace', 'replace', 'remove', 'add', 'double'),
  name: fc.oneof(
    fc.string(),
    fc.constantFrom('__proto__', 'constructor', 'toString', 'type', 'content', 'context_management', 'audio'),
  ),
  value: junk,
});

type Node = Record<string, unknown> | unknown[];

function placesOf(node: unknown): { node: Node; key: string }[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, inner]) => [{ node: node as Node, key }, ...placesOf(inner)]);
}

function apply(body: unknown, { at, how, name, value: given }: Change): void {
  const places = placesOf(body);
  const place = places[at % places.length];
  if (!place) return;
  const record = place.node as Record<string, unknown>;
  // Two changes may have the same value, and a later one may find its place within it: it would close a circle.
  const value = structuredClone(given);
  if (how === 'replace') record[place.key] = value;
  else if (how === 'remove') delete record[place.key];
  else if (Array.isArray(place.node)) place.node.push(how === 'add' ? value : structuredClone(record[place.key]));
  // As JSON.parse does it; an assignment to `__proto__` would set something else.
  else Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Requests near valid ones, and now and then text that is not even JSON. */
export const strangeBody = (protocol: keyof typeof REQUESTS, models: readonly string[]) =>
  fc
    .record({
      changes: fc.array(change, { minLength: 0, maxLength: 3 }),
      drop: fc.array(fc.constantFrom(...Object.keys(REQUESTS[protocol])), { maxLength: 8 }),
      model: fc.constantFrom(...models),
      stream: fc.boolean(),
      cutAt: fc.oneof({ weight: 20, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat() }),
    })
    .map(({ changes, drop, model, stream, cutAt }) => {
      const body: Record<string, unknown> = { ...structuredClone(REQUESTS[protocol]), model, stream };
      for (const name of drop) if (name !== 'messages' && name !== 'input') delete body[name];
      for (const one of changes) apply(body, one);
      const text = JSON.stringify(body);
      return cutAt === null ? text : text.slice(0, cutAt % text.length);
    });
