import { inputTokenBound, type Price } from '@purser/money';
import type { ImageRequest } from '@purser/plugin-sdk';
import { z } from 'zod';
import type { ClientBody } from '../bodies/client-body.js';
import type { ModelCall } from '../calls/model-call.js';
import { mediaCall, readFields, refuseStream, unknownFields } from './media-call.js';

const text = (what: string) => z.string({ error: what }).min(1, what).max(100, what).nullish();

const Body = z.looseObject({
  model: z.string({ error: 'a capability, or a model' }).min(1).max(300),
  prompt: z.string({ error: 'what the picture is to show' }).min(1, 'what the picture is to show'),
  n: z.int({ error: 'a whole number from 1 to 10' }).min(1).max(10, 'a whole number from 1 to 10').nullish(),
  size: text('such as "1024x1024" or "auto"'),
  quality: text('such as "low", "medium", "high" or "auto"'),
  stream: z.boolean({ error: 'true or false' }).nullish(),
});
type Body = z.output<typeof Body>;

/** What leaves the price alone, or has its part in the bounds. */
const HARMLESS = new Set([
  ...['model', 'prompt', 'n', 'size', 'quality', 'stream', 'user'],
  ...['background', 'moderation', 'output_format', 'output_compression', 'response_format', 'style'],
]);

const PIXELS = 1024 * 1024;
/** Of a picture whose size the model chooses. */
const AUTO_PIXELS = 2 * PIXELS;

/**
 * Output tokens for each begun 1024 x 1024 pixels. OpenAI's gpt-image-1 took 272, 1,056 and 4,160 of them by quality, and
 * 1.5 times that for 1024 x 1536. What later models take is not checked here, so this is about twice as much; a model
 * that takes more raises its own safety factor.
 */
const TOKENS: Readonly<Record<string, number>> = { low: 512, medium: 2_048 };
const MOST_TOKENS = 8_192;

/** Output tokens of one picture, from above. A size or a quality that nobody knows here counts as the model's choice. */
export function pictureTokens({ size, quality }: Pick<Body, 'size' | 'quality'>): number {
  const sides = /^(\d{1,5})x(\d{1,5})$/.exec(size ?? '');
  const pixels = sides ? Number(sides[1]) * Number(sides[2]) : AUTO_PIXELS;
  return Math.max(1, Math.ceil(pixels / PIXELS)) * (TOKENS[quality ?? ''] ?? MOST_TOKENS);
}

const PLAIN_SIZES = new Set(['auto', '256x256', '512x512', '1024x1024']);
const PLAIN_QUALITIES = new Set(['auto', 'standard', 'low', 'medium']);

/** A price per picture is that of a plain one: vendors take up to three times as much for larger and better ones. */
function beyondPlain({ size, quality }: Body, { perImage }: Price): string[] {
  if (perImage === undefined) return [];
  return [
    ...(size == null || PLAIN_SIZES.has(size) ? [] : ['size']),
    ...(quality == null || PLAIN_QUALITIES.has(quality) ? [] : ['quality']),
  ];
}

/** OpenAI's `POST /v1/images/generations`. */
export function readImages(sent: ClientBody): ModelCall {
  const body = readFields(Body, sent, 'image request');
  refuseStream(body.stream === true);
  const images = body.n ?? 1;
  return mediaCall({
    kind: 'images',
    does: 'models that make pictures',
    model: body.model,
    bounds: {
      inputTokens: images * inputTokenBound({ textBytes: sent.bytes, messages: 1, tools: 0, images: 0 }),
      images,
    },
    choices: images,
    outputAtMost: pictureTokens(body),
    pricedParameters: (price) => [...unknownFields(body, HARMLESS), ...beyondPlain(body, price)],
    ask: (provider) =>
      provider.generateImages &&
      (async (model, options) => {
        const request = { ...sent.longTexts.restore(body), model } as ImageRequest;
        const { answer, usage } = await provider.generateImages!(request, options);
        return { body: answer, usage, bytes: 0 };
      }),
  });
}
