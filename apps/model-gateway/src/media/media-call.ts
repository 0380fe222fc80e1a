import { invalidRequest, PurserError } from '@purser/contracts';
import type { Price } from '@purser/money';
import type { CallOptions, ModelProvider } from '@purser/plugin-sdk';
import type { z } from 'zod';
import type { ClientBody } from '../bodies/client-body.js';
import type { InputBounds, ModelCall } from '../calls/model-call.js';
import type { Target, WholeAnswer } from '../calls/way.js';

type Whole = (model: string, options: CallOptions) => Promise<WholeAnswer>;

/** A call with one answer in one piece and no output limit that could be set. */
export interface MediaCall {
  kind: string;
  model: string;
  bounds: InputBounds;
  choices: number;
  /** Output tokens of one choice, bounded from above. */
  outputAtMost: number;
  pricedParameters(price: Price): string[];
  /** How this provider is asked; undefined when it has nothing of the kind. */
  ask: (provider: ModelProvider) => Whole | undefined;
  /** What such models do, for errors: `embeddings`. */
  does: string;
}

export const mediaCall = ({ ask, does, ...call }: MediaCall): ModelCall => ({
  ...call,
  streaming: false,
  maxOutputTokens: undefined,
  limitParameter: '',
  via: (provider, name) => {
    const whole = ask(provider);
    return whole ? { to: (model) => target(provider, model, whole) } : { unmet: `${name} has no ${does}` };
  },
});

const target = ({ cancelledCallsBill }: ModelProvider, model: string, whole: Whole): Target => ({
  cancelledCallsBill,
  whole: (options) => whole(model, options),
  stream: () => {
    throw new Error('these calls are never streamed');
  },
});

/** A JSON body as its schema has it. Throws `invalid_request` naming the field. */
export function readFields<T>(schema: z.ZodType<T>, { value }: Pick<ClientBody, 'value'>, what: string): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new PurserError('invalid_request', { message: 'the body must be a JSON object' });
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const error = invalidRequest(what, parsed.error);
  error.details.param = parsed.error.issues[0]?.path.join('.') ?? null;
  throw error;
}

/** Refused by name: without this a client would wait for events that never come. */
export function refuseStream(asked: boolean): void {
  if (asked)
    throw new PurserError('unsupported_parameter', {
      message: 'this endpoint does not stream; leave "stream" out',
      details: { param: 'stream' },
    });
}

/** Fields that are there and not known to leave the price alone. */
export const unknownFields = (fields: Readonly<Record<string, unknown>>, harmless: ReadonlySet<string>): string[] =>
  Object.entries(fields)
    .filter(([name, value]) => value !== null && value !== undefined && !harmless.has(name))
    .map(([name]) => name);
