import type { ChatCall } from '../dialect.js';
import { allBlocks, type PlacedBlock } from './blocks.js';
import { isEdit } from './edits.js';
import { bodyOf, type MessagesBody, type Tool } from './request.js';

/** Parameters that cannot change what a call costs beyond its input and output tokens. */
const HARMLESS = new Set([
  'model',
  'messages',
  'system',
  'max_tokens',
  'stream',
  'stop_sequences',
  'temperature',
  'top_p',
  'top_k',
  'metadata',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
  'diagnostics',
  // Writing to the cache is billed as input, at most at the dearest price of input, which holds are taken at.
  'cache_control',
]);

interface Edits {
  edits?: unknown;
}

/** Values of other parameters that ask for nothing that costs. A map, since clients may name `constructor`, too. */
const ASKS_NOTHING: ReadonlyMap<string, (value: unknown) => boolean> = new Map(
  Object.entries<(value: unknown) => boolean>({
    // Absent means "auto" at Anthropic, so saying it changes nothing.
    service_tier: (value) => value === 'auto' || value === 'standard_only',
    speed: (value) => value === 'standard',
    inference_geo: (value) => value === 'global',
    // Leaving parts of the prompt out makes it cheaper; a summary of them is written by another, billed call.
    context_management: (value) => {
      const { edits } = value as Edits;
      return Array.isArray(edits) && edits.every((edit) => isEdit(edit, 'clear_'));
    },
  }),
);

/** Content whose tokens are bounded by what was sent; pictures and documents are so by their sources. */
const BLOCKS = new Set([
  'text',
  'image',
  'document',
  'search_result',
  'tool_use',
  'tool_result',
  'thinking',
  'redacted_thinking',
]);

/** Tools that the client runs; all others run at the provider, at prices of their own. */
const CLIENT_TOOL = /^(custom|bash_\d+|text_editor_\d+|memory_\d+)$/;

/** Doubles the price of long prompts; all other betas only allow parameters, which have names of their own. */
const LONG_CONTEXT = /(^|,)\s*context-1m\b/;

/**
 * The parameters of a request whose price cannot be told before the call, by name: faster or nearer service, tools and
 * servers at the provider, files and addresses that the provider fetches; and whatever this gateway does not know.
 */
export function pricedParameters(call: ChatCall): string[] {
  const body = bodyOf(call);
  const named = Object.entries(body)
    .filter(([name, value]) => value !== null && value !== undefined && !HARMLESS.has(name))
    .filter(([name, value]) => !ASKS_NOTHING.get(name)?.(value))
    .map(([name]) => name);
  return [
    ...named,
    ...(LONG_CONTEXT.test(call.headers['anthropic-beta'] ?? '') ? ['anthropic-beta'] : []),
    ...thinksBeyondLimit(body),
    ...(body.tools ?? []).flatMap(pricedTool),
    ...[...allBlocks(body)].flatMap(pricedBlock),
  ];
}

/** Between tools a budget may be larger than `max_tokens`, and then holds instead of it ("Interleaved thinking"). */
function thinksBeyondLimit({ thinking, max_tokens: limit }: MessagesBody): string[] {
  const budget = thinking?.budget_tokens;
  return budget !== undefined && limit !== undefined && budget >= limit ? ['thinking.budget_tokens'] : [];
}

function pricedTool(tool: Tool, index: number): string[] {
  if (!CLIENT_TOOL.test(tool.type ?? 'custom')) return [`tools[${index}].type`];
  const callers = tool.allowed_callers;
  const direct = !Array.isArray(callers) || callers.every((caller) => caller === 'direct');
  return direct ? [] : [`tools[${index}].allowed_callers`];
}

function pricedBlock({ block: { type, source }, where }: PlacedBlock): string[] {
  if (!BLOCKS.has(type)) return [`${where}.type`];
  if (type === 'image') return source?.type === 'base64' ? [] : [`${where}.source`];
  // A PDF is packed: its pages have more text than it has bytes.
  if (type === 'document') return source?.type === 'text' || source?.type === 'content' ? [] : [`${where}.source`];
  return [];
}
