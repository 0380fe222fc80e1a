import type { ChatCall, ChatTranslation } from '../dialect.js';
import type { ResponsesBody } from './request.js';
import { toMessages } from './to-messages.js';

/** Parameters that chat completions have under the same name. */
const SAME = ['temperature', 'top_p', 'user', 'safety_identifier', 'prompt_cache_key', 'service_tier'];

/** What is heeded elsewhere: by the gateway itself, by its answer, or below. */
const HEEDED = new Set([
  ...SAME,
  'model',
  'input',
  'instructions',
  'stream',
  'max_output_tokens',
  // Comes back with the answer.
  'metadata',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'text',
  'reasoning',
]);

/** Values of parameters without a counterpart that ask for nothing. */
const ASKS_NOTHING: Readonly<Record<string, (value: unknown) => boolean>> = {
  background: (value) => value === false,
  store: (value) => value === false,
  truncation: (value) => value === 'disabled',
  top_logprobs: (value) => value === 0,
  // Of reasoning that is hidden: there is none.
  include: (value) => Array.isArray(value) && value.every((what) => what === 'reasoning.encrypted_content'),
  stream_options: (value) => Object.entries(value as object).every(([, asked]) => asked === false || asked === null),
};

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (typeof value === 'object' && Object.values(value).every((inner) => inner === undefined || inner === null));

/** Translated parameters, and the names of those that have no counterpart. */
interface Part {
  chat: Record<string, unknown>;
  lost: string[];
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

const lostOf = (values: Record<string, unknown>, prefix: string): string[] =>
  Object.entries(values)
    .filter(([, value]) => !isEmpty(value))
    .map(([name]) => `${prefix}.${name}`);

function tools({ tools: asked, tool_choice: choice, parallel_tool_calls: parallel }: ResponsesBody): Part {
  const lost = (asked ?? []).flatMap(({ type }, index) => (type === 'function' ? [] : [`tools[${index}].type`]));
  const chosen = typeof choice === 'object' && choice !== null ? (choice as Record<string, unknown>) : undefined;
  if (chosen && chosen.type !== 'function') lost.push('tool_choice');
  // A chat without tools may say nothing about their use.
  if (!asked || asked.length === 0) return { chat: {}, lost: chosen || choice === 'required' ? ['tool_choice'] : lost };
  return {
    chat: {
      tools: asked.map(({ name, description, parameters, strict }) => ({
        type: 'function',
        function: {
          name,
          ...(isEmpty(description) ? {} : { description }),
          ...(parameters === null || parameters === undefined ? {} : { parameters }),
          ...(isEmpty(strict) ? {} : { strict }),
        },
      })),
      ...(isEmpty(choice)
        ? {}
        : { tool_choice: chosen ? { type: 'function', function: { name: chosen.name } } : choice }),
      ...(isEmpty(parallel) ? {} : { parallel_tool_calls: parallel }),
    },
    lost,
  };
}

function text(value: unknown): Part {
  const { format, verbosity, ...rest } = record(value);
  const { type, ...schema } = record(format);
  const said = isEmpty(verbosity) ? {} : { verbosity };
  const lost = lostOf(rest, 'text');
  if (type === 'json_schema') return { chat: { ...said, response_format: { type, json_schema: schema } }, lost };
  if (type === 'json_object') return { chat: { ...said, response_format: { type } }, lost };
  return { chat: said, lost: type === 'text' || isEmpty(format) ? lost : [...lost, 'text.format'] };
}

/** "auto" leaves it to the model whether there is a summary. */
function reasoning(value: unknown): Part {
  const { effort, summary, generate_summary: older, mode, context, ...rest } = record(value);
  const asked = {
    ...rest,
    summary: summary === 'auto' ? null : summary,
    generate_summary: older === 'auto' ? null : older,
    mode: mode === 'standard' ? null : mode,
    context: context === 'auto' ? null : context,
  };
  return { chat: isEmpty(effort) ? {} : { reasoning_effort: effort }, lost: lostOf(asked, 'reasoning') };
}

/** The request in terms of chat completions; what has no counterpart there is named. */
export function toChat(call: ChatCall): ChatTranslation {
  const body = call.body as ResponsesBody;
  const { messages, lost } = toMessages(body);
  const parts = [tools(body), text(body.text), reasoning(body.reasoning)];
  const others = Object.entries(body)
    .filter(([name, value]) => !HEEDED.has(name) && !isEmpty(value) && !ASKS_NOTHING[name]?.(value))
    .map(([name]) => name);
  const same = SAME.filter((name) => !isEmpty(body[name])).map((name) => [name, body[name]]);
  return {
    body: Object.assign(
      { messages },
      Object.fromEntries(same),
      ...parts.map(({ chat }) => chat),
    ) as ChatTranslation['body'],
    lost: [...others, ...parts.flatMap((part) => part.lost), ...lost],
  };
}
