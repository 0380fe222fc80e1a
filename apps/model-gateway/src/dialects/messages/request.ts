import { z } from 'zod';
import { checkedBody } from '../../bodies/checked-body.js';
import type { ClientBody } from '../../bodies/client-body.js';
import type { ChatCall } from '../dialect.js';
import { withoutCacheWrites } from './cache-writes.js';
import { promptSize } from './size.js';

type Needed = 'text' | 'source' | 'id' | 'name' | 'tool_use_id';
/** Fields that the gateway reads of the kinds of content it knows; the rest is only carried. */
const NEEDED: ReadonlyMap<string, readonly Needed[]> = new Map(
  Object.entries<readonly Needed[]>({
    text: ['text'],
    image: ['source'],
    document: ['source'],
    tool_use: ['id', 'name'],
    tool_result: ['tool_use_id'],
  }),
);

const Source = z.looseObject({
  type: z.string({ error: 'a kind of source such as "base64"' }),
  media_type: z.string().optional(),
  data: z.string().optional(),
  url: z.string().optional(),
});

const Block = z
  .looseObject({
    type: z.string({ error: 'a kind of content such as "text"' }),
    text: z.string().optional(),
    source: Source.optional(),
    id: z.string().optional(),
    name: z.string().optional(),
    tool_use_id: z.string().optional(),
    content: z.unknown().optional(),
  })
  .superRefine((block, context) => {
    for (const field of NEEDED.get(block.type) ?? [])
      if (block[field] === undefined)
        context.addIssue({ code: 'custom', path: [field], message: `needed in a block of type "${block.type}"` });
    if (block.type === 'tool_result' && block.content !== undefined) checkContent(block.content, context, ['content']);
  });
export type Block = z.output<typeof Block>;
export type Content = string | Block[];

function checkContent(content: unknown, context: z.RefinementCtx, path: string[] = []): void {
  if (typeof content === 'string') return;
  if (!Array.isArray(content)) {
    context.addIssue({ code: 'custom', path, message: 'text, or a list of blocks' });
    return;
  }
  // One by one instead of as a union with text, whose errors would not name the field.
  for (const [index, block] of content.entries()) {
    const { error } = Block.safeParse(block);
    for (const issue of error?.issues ?? [])
      context.addIssue({ code: 'custom', path: [...path, index, ...issue.path], message: issue.message });
  }
}

const Content = z.custom<Content>().superRefine((content, context) => checkContent(content, context));

const Message = z.looseObject({
  role: z.enum(['user', 'assistant', 'system'], { error: '"user", "assistant" or "system"' }),
  content: Content,
});

const Tool = z.looseObject({
  type: z.string().nullish(),
  name: z.string({ error: 'a name' }).optional(),
});
export type Tool = z.output<typeof Tool>;

/** What can be counted: a request without its output. */
const Prompt = z.looseObject({
  model: z.string({ error: 'a capability such as "code_generation", or a model' }).min(1).max(300),
  messages: z
    .array(Message, { error: 'a list of messages such as [{"role": "user", "content": "Hello"}]' })
    .min(1, 'at least one message')
    .max(100_000),
  system: Content.optional(),
  tools: z.array(Tool, { error: 'a list of tools' }).max(1_000).nullish(),
  tool_choice: z.looseObject({ type: z.string() }).nullish(),
  thinking: z.looseObject({ type: z.string(), budget_tokens: z.number().optional() }).nullish(),
  output_config: z.looseObject({ effort: z.string().nullish() }).nullish(),
});

const LIMIT = 'a whole number of tokens; Anthropic’s protocol requires it';

const Body = Prompt.extend({
  max_tokens: z.number({ error: LIMIT }).int(LIMIT).min(0, LIMIT).max(10_000_000, LIMIT),
  stream: z.boolean({ error: 'true or false' }).nullish(),
  stop_sequences: z.array(z.string(), { error: 'a list of texts' }).nullish(),
  metadata: z.looseObject({ user_id: z.string().nullish() }).nullish(),
});
export type MessagesBody = z.output<typeof Prompt> & Partial<z.output<typeof Body>>;
export type MessageParam = MessagesBody['messages'][number];

export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Those that belong to the protocol, for a provider that speaks it too. */
const HEADERS = ['anthropic-version', 'anthropic-beta'];

export const bodyOf = ({ body }: ChatCall): MessagesBody => body as MessagesBody;

export const readMessagesCall = (body: ClientBody, headers: Headers): ChatCall => readCall(Body, body, headers);

/** Of a request that only asks how long its prompt is. */
export const readPrompt = (body: ClientBody, headers: Headers): ChatCall => readCall(Prompt, body, headers);

function readCall(
  schema: z.ZodType<MessagesBody>,
  { value, bytes, longTexts }: ClientBody,
  headers: Headers,
): ChatCall {
  checkedBody(schema, value, { what: 'message', needs: '"model" and "messages"' });
  // As it came: nothing in it was changed by reading it.
  const body = value as MessagesBody;
  return {
    model: body.model,
    body,
    longTexts,
    headers: Object.fromEntries(
      HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, [headers[name]].flat().join(',')]])),
    ),
    streaming: body.stream === true,
    maxOutputTokens: body.max_tokens,
    limitParameter: 'max_tokens',
    limitRequired: true,
    choices: 1,
    size: promptSize(body, bytes, longTexts),
    rulesOut: withoutCacheWrites(body),
  };
}
