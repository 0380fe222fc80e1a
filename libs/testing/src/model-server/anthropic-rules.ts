import { isObject, positive } from './wire.js';

const sampling = ['temperature', 'top_p', 'top_k'];
const counted = [
  'model',
  'messages',
  'cache_control',
  'output_config',
  'speed',
  'system',
  'thinking',
  'tool_choice',
  'tools',
];
const asked = [
  ...counted,
  'container',
  'diagnostics',
  'inference_geo',
  'max_tokens',
  'metadata',
  'service_tier',
  'stop_sequences',
  'stream',
];

type Block = Record<string, unknown>;

const blocksOf = (message: unknown): Block[] =>
  isObject(message) && Array.isArray(message.content) ? message.content.filter(isObject) : [];

/** What a turn of tool results may answer: the calls of the assistant's turn before it. */
function toolProblem(messages: readonly unknown[]): string | undefined {
  let open = new Set<unknown>();
  for (const [index, message] of messages.entries()) {
    const blocks = blocksOf(message);
    for (const { tool_use_id: id } of blocks.filter(({ type }) => type === 'tool_result'))
      if (!open.has(id)) return `messages.${index}: unexpected tool_use_id found in tool_result blocks: ${String(id)}`;
    const calls = blocks.filter(({ type }) => type === 'tool_use');
    const wrong = calls.find(({ id }) => !/^[a-zA-Z0-9_-]+$/.test(String(id)));
    if (wrong) return `messages.${index}.content: tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`;
    open = new Set(calls.map(({ id }) => id));
  }
  return undefined;
}

function messageProblem(messages: readonly unknown[]): string | undefined {
  for (const [index, message] of messages.entries()) {
    const { role, content } = isObject(message) ? message : {};
    if (role !== 'user' && role !== 'assistant') return `messages.${index}.role: Input should be 'user' or 'assistant'`;
    if (typeof content !== 'string' && !Array.isArray(content)) return `messages.${index}.content: Field required`;
    if (blocksOf(message).some(({ type, text }) => type === 'text' && text === ''))
      return `messages: text content blocks must be non-empty`;
  }
  return toolProblem(messages);
}

function thinkingProblem({ thinking, max_tokens: limit }: Record<string, unknown>): string | undefined {
  if (!isObject(thinking) || thinking.type !== 'enabled') return undefined;
  const budget = positive(thinking.budget_tokens) ?? 0;
  if (budget < 1024) return 'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024';
  return budget < (positive(limit) ?? 0) ? undefined : '`max_tokens` must be greater than `thinking.budget_tokens`';
}

/** Why Anthropic would refuse a request, in its words; only rules that a translation into its protocol can break. */
export function anthropicProblem(
  body: Record<string, unknown>,
  version: string | string[] | undefined,
  counting: boolean,
): string | undefined {
  if (version === undefined) return 'anthropic-version: header is required';
  const known = new Set([...(counting ? counted : asked), ...(version === '2023-06-01' && !counting ? sampling : [])]);
  const extra = Object.keys(body).find((name) => !known.has(name));
  if (extra !== undefined) return `${extra}: Extra inputs are not permitted`;
  if (typeof body.model !== 'string') return 'model: Field required';
  if (!Array.isArray(body.messages) || body.messages.length === 0) return 'messages: at least one message is required';
  if (!counting && positive(body.max_tokens) === undefined) return 'max_tokens: Field required';
  if (typeof body.temperature === 'number' && (body.temperature < 0 || body.temperature > 1))
    return 'temperature: range: 0..1';
  if (Array.isArray(body.stop_sequences) && body.stop_sequences.some((text) => String(text).trim() === ''))
    return 'stop_sequences: each stop sequence must contain non-whitespace';
  return messageProblem(body.messages) ?? (counting ? undefined : thinkingProblem(body));
}
