import { invalidRequest, PurserError } from '@purser/contracts';
import { z } from 'zod';

const Message = z.looseObject({
  role: z.string({ error: 'a role such as "user"' }).min(1),
  content: z.unknown().optional(),
});

const count = (what: string) => z.number({ error: what }).int(what).min(1, what).max(10_000_000, what).nullish();

/** What the gateway itself reads of a chat completion request. Everything else travels on, or is refused, by name. */
const Body = z.looseObject({
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

/** A checked request in terms of the gateway. */
export interface ChatCall {
  model: string;
  body: ChatBody;
  streaming: boolean;
  /** Whether the client asked for usage at the end of its stream. */
  wantsUsage: boolean;
  /** The caller's own limit; undefined when it gave none. */
  maxOutputTokens: number | undefined;
  choices: number;
}

export function readChatCall(input: unknown): ChatCall {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw new PurserError('invalid_request', { message: 'the body must be a JSON object with "model" and "messages"' });
  const parsed = Body.safeParse(input);
  if (!parsed.success) {
    const error = invalidRequest('chat completion', parsed.error);
    error.details.param = parsed.error.issues[0]?.path.join('.') ?? null;
    throw error;
  }
  const body = parsed.data;
  const limits = [body.max_completion_tokens, body.max_tokens].filter((limit) => typeof limit === 'number');
  return {
    model: body.model,
    body,
    streaming: body.stream === true,
    wantsUsage: body.stream_options?.include_usage === true,
    maxOutputTokens: limits.length > 0 ? Math.min(...limits) : undefined,
    choices: body.n ?? 1,
  };
}
