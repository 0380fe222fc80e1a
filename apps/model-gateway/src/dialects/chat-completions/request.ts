import { z } from 'zod';
import { checkedBody } from '../../bodies/checked-body.js';
import type { ClientBody } from '../../bodies/client-body.js';
import type { ChatCall } from '../dialect.js';
import { namedServiceTier, OPENAI_RULES_OUT } from '../openai-billing.js';
import { isOrdinary } from './ordinary.js';
import { promptSize } from './prompt.js';

const Message = z.looseObject({
  role: z.string({ error: 'a role such as "user"' }).min(1),
  content: z.unknown().optional(),
});

const count = (what: string) => z.number({ error: what }).int(what).min(1, what).max(10_000_000, what).nullish();

/** What the gateway itself reads of a chat completion request. Everything else travels on, or is refused, by name. */
export const Body = z.looseObject({
  model: z.string({ error: 'a capability such as "code_generation", or a model' }).min(1).max(300),
  messages: z
    .array(Message, { error: 'a list of messages such as [{"role": "user", "content": "Hello"}]' })
    .min(1, 'at least one message')
    .max(10_000),
  stream: z.boolean({ error: 'true or false' }).nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: count('a whole number of tokens, at least 1'),
  max_completion_tokens: count('a whole number of tokens, at least 1'),
  n: z.number({ error: 'a whole number from 1 to 128' }).int().min(1).max(128).nullish(),
  tools: z
    .array(z.looseObject({ type: z.string() }))
    .max(1_000)
    .nullish(),
});
export type ChatBody = z.output<typeof Body>;

/** Whether the client asked for usage at the end of its stream. */
export const wantsUsage = ({ body }: ChatCall): boolean => (body as ChatBody).stream_options?.include_usage === true;

export function readChatCall({ value, bytes, longTexts }: ClientBody): ChatCall {
  const body = isOrdinary(value)
    ? value
    : checkedBody(Body, value, { what: 'chat completion', needs: '"model" and "messages"' });
  const limits = [body.max_completion_tokens, body.max_tokens].filter((limit) => typeof limit === 'number');
  return {
    model: body.model,
    body,
    longTexts,
    headers: {},
    streaming: body.stream === true,
    maxOutputTokens: limits.length > 0 ? Math.min(...limits) : undefined,
    limitParameter: body.max_completion_tokens == null ? 'max_tokens' : 'max_completion_tokens',
    choices: body.n ?? 1,
    size: promptSize(body, bytes, longTexts),
    rulesOut: OPENAI_RULES_OUT,
    serviceTier: namedServiceTier(body.service_tier),
  };
}
