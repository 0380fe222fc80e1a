import { PurserError } from '@purser/contracts';
import { z } from 'zod';
import { checkedBody } from '../../bodies/checked-body.js';
import type { ClientBody } from '../../bodies/client-body.js';
import type { ChatCall } from '../dialect.js';
import { namedServiceTier, OPENAI_RULES_OUT } from '../openai-billing.js';
import { promptSize } from './input.js';

const Item = z.looseObject({ type: z.string().nullish(), role: z.string().nullish() });
export type InputItem = z.output<typeof Item>;

const limit = 'a whole number of tokens, at least 1';

/** What the gateway itself reads of a request for a response. Everything else travels on, or is refused, by name. */
const Body = z.looseObject({
  model: z.string({ error: 'a capability such as "code_generation", or a model' }).min(1).max(300),
  input: z
    .union([z.string(), z.array(Item).max(10_000)], {
      error: 'a text, or a list of items such as [{"role": "user", "content": "Hello"}]',
    })
    .nullish(),
  instructions: z.string({ error: 'a text' }).nullish(),
  stream: z.boolean({ error: 'true or false' }).nullish(),
  max_output_tokens: z.number({ error: limit }).int(limit).min(1, limit).max(10_000_000, limit).nullish(),
  background: z.boolean({ error: 'true or false' }).nullish(),
  tools: z
    .array(z.looseObject({ type: z.string() }))
    .max(1_000)
    .nullish(),
});
export type ResponsesBody = z.output<typeof Body>;

/** Where the conversation may stand instead of in `input`. */
const CONTEXT = ['previous_response_id', 'conversation', 'prompt'];

const invalid = (message: string, param: string) => new PurserError('invalid_request', { message, details: { param } });

export function readResponsesCall({ value, bytes, longTexts }: ClientBody): ChatCall {
  const body = checkedBody(Body, value, { what: 'response', needs: '"model" and "input"' });
  const empty = body.input === undefined || body.input === null || body.input.length === 0;
  if (empty && CONTEXT.every((name) => body[name] === undefined || body[name] === null))
    throw invalid('the request is invalid: input: a text, or a list with at least one item', 'input');
  const nameless = Array.isArray(body.input)
    ? body.input.findIndex(({ type, role }) => type === 'message' && !role)
    : -1;
  if (nameless >= 0)
    throw invalid('the request is invalid: a message needs a role such as "user"', `input.${nameless}.role`);
  // It would be paid for, and nobody could ever fetch it: answers are not kept here.
  if (body.background === true)
    throw invalid(
      'background responses cannot be had: answers are not stored, so there would be none to fetch',
      'background',
    );
  return {
    model: body.model,
    body,
    longTexts,
    headers: {},
    streaming: body.stream === true,
    maxOutputTokens: body.max_output_tokens ?? undefined,
    limitParameter: 'max_output_tokens',
    choices: 1,
    size: promptSize(body, bytes, longTexts),
    rulesOut: OPENAI_RULES_OUT,
    serviceTier: namedServiceTier(body.service_tier),
  };
}
