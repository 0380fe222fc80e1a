import type { IncomingMessage } from 'node:http';
import { secondsOf, spokenWords } from './audio.js';
import { readBytes, readJson } from './body.js';
import type { Bill } from './bill.js';
import { sendJson } from './chat.js';
import { type MediaOrder, type Route, serveMedia } from './media.js';
import { openaiWire } from './openai-wire.js';
import { countTokens } from './tokens.js';
import { packed, vectorOf } from './vectors.js';
import { positive } from './wire.js';

type Order = MediaOrder | undefined;
const error: MediaOrder['error'] = (status, message, code) => openaiWire.error(status, message, code);
const openai = { api: 'openai', error } as const;

/** A text as it is, tokens as their numbers. */
function inputsOf(input: unknown): { text: string; tokens: number }[] | undefined {
  if (typeof input === 'string') return [{ text: input, tokens: countTokens(input) }];
  if (!Array.isArray(input) || input.length === 0) return undefined;
  const numbers = (value: unknown): value is number[] =>
    Array.isArray(value) && value.every((one) => typeof one === 'number');
  if (numbers(input)) return [{ text: input.join(), tokens: input.length }];
  const inputs = (input as unknown[]).map((one) => {
    if (typeof one === 'string') return { text: one, tokens: countTokens(one) };
    return numbers(one) ? { text: one.join(), tokens: one.length } : undefined;
  });
  return inputs.every((one) => one !== undefined) ? inputs : undefined;
}

function embeddings(body: Record<string, unknown>): Order {
  const inputs = inputsOf(body.input);
  const { model } = body;
  if (typeof model !== 'string' || !inputs) return undefined;
  const inputTokens = inputs.reduce((sum, { tokens }) => sum + tokens, 0);
  const form = body.encoding_format === 'base64' ? packed : (vector: number[]) => vector;
  return {
    ...openai,
    operation: 'embeddings',
    model,
    request: body,
    make: ({ omitUsage }) => ({
      billed: { inputTokens, cachedTokens: 0, outputTokens: 0 },
      body: {
        object: 'list',
        data: inputs.map(({ text }, index) => ({
          object: 'embedding',
          index,
          embedding: form(vectorOf(text, positive(body.dimensions))),
        })),
        model,
        ...(omitUsage ? {} : { usage: { prompt_tokens: inputTokens, total_tokens: inputTokens } }),
      },
    }),
  };
}

const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const tokensPerImage = 100;

/** Models with a price for each picture are as `dall-e` was: they tell no tokens. */
function images(body: Record<string, unknown>, bill: Bill): Order {
  const { model, prompt } = body;
  if (typeof model !== 'string' || typeof prompt !== 'string') return undefined;
  const count = positive(body.n) ?? 1;
  const byTokens = !bill.billsByImage(model);
  const inputTokens = byTokens ? countTokens(prompt) : 0;
  const outputTokens = byTokens ? tokensPerImage * count : 0;
  return {
    ...openai,
    operation: 'images',
    model,
    request: body,
    make: ({ omitUsage }, { id }) => ({
      billed: { inputTokens, cachedTokens: 0, outputTokens, images: count },
      body: {
        created: 0,
        data: Array.from({ length: count }, (_, index) =>
          body.response_format === 'url' ? { url: `https://images.invalid/${id}-${index}.png` } : { b64_json: pixel },
        ),
        ...(omitUsage || !byTokens
          ? {}
          : {
              usage: {
                input_tokens: inputTokens,
                input_tokens_details: { image_tokens: 0, text_tokens: inputTokens },
                output_tokens: outputTokens,
                output_tokens_details: { image_tokens: outputTokens, text_tokens: 0 },
                total_tokens: inputTokens + outputTokens,
              },
            }),
      },
    }),
  };
}

const clock = (seconds: number, mark: string): string =>
  new Date(Math.round(seconds * 1000)).toISOString().slice(11, 23).replace('.', mark);

function inForm(format: string, text: string, seconds: number, usage: object): unknown {
  if (format === 'text') return `${text}\n`;
  if (format === 'json') return { text, ...usage };
  const words = spokenWords(text, seconds);
  const segments = [0, 1].map((half) => {
    const middle = Math.ceil(words.length / 2);
    const own = half === 0 ? words.slice(0, middle) : words.slice(middle);
    return { start: own[0]?.start ?? 0, end: own.at(-1)?.end ?? 0, text: own.map(({ word }) => ` ${word}`).join('') };
  });
  if (format === 'verbose_json')
    return {
      task: 'transcribe',
      language: 'english',
      duration: seconds,
      text,
      segments: segments.map((segment, id) => ({ id, seek: 0, ...segment, tokens: [], temperature: 0 })),
      ...usage,
    };
  const mark = format === 'srt' ? ',' : '.';
  const cues = segments.map(({ start, end, text: line }, index) => {
    const times = `${clock(start, mark)} --> ${clock(end, mark)}\n${line.trim()}\n\n`;
    return format === 'srt' ? `${index + 1}\n${times}` : times;
  });
  return (format === 'srt' ? '' : 'WEBVTT\n\n') + cues.join('');
}

async function readForm(request: IncomingMessage): Promise<FormData | undefined> {
  const bytes = await readBytes(request);
  const type = request.headers['content-type'];
  if (!bytes || !type) return undefined;
  return new Response(bytes, { headers: { 'content-type': type } }).formData().catch(() => undefined);
}

const audioTokensPerSecond = 10;

/** Models with a price by the minute are as `whisper-1` is: they tell seconds, and have every form. */
async function transcriptions(request: IncomingMessage, bill: Bill): Promise<Order> {
  const form = await readForm(request);
  const [file, model] = [form?.get('file'), form?.get('model')];
  if (!form || !(file instanceof File) || typeof model !== 'string') return undefined;
  const fields: Record<string, unknown> = {};
  for (const name of new Set(form.keys())) {
    const values = form.getAll(name).filter((value) => typeof value === 'string');
    if (values.length > 0) fields[name] = name.endsWith('[]') ? values : values[0];
  }
  const format = typeof fields.response_format === 'string' ? fields.response_format : 'json';
  const seconds = secondsOf(Buffer.from(await file.arrayBuffer()));
  const byTime = bill.billsByTime(model);
  if (!byTime && format !== 'json' && format !== 'text') return undefined;
  const audioTokens = Math.ceil(seconds * audioTokensPerSecond);
  const textTokens = typeof fields.prompt === 'string' ? countTokens(fields.prompt) : 0;
  return {
    ...openai,
    operation: 'transcriptions',
    model,
    request: { ...fields, file: { name: file.name, type: file.type, size: file.size } },
    make: ({ reply, omitUsage }) => {
      const text = reply ?? `This is what ${model} heard.`;
      const [input, output] = byTime ? [0, 0] : [audioTokens + textTokens, countTokens(text)];
      const tokens = {
        type: 'tokens',
        input_tokens: input,
        input_token_details: { audio_tokens: audioTokens, text_tokens: textTokens },
        output_tokens: output,
        total_tokens: input + output,
      };
      const usage = omitUsage ? {} : { usage: byTime ? { type: 'duration', seconds } : tokens };
      return {
        billed: {
          inputTokens: input,
          cachedTokens: 0,
          outputTokens: output,
          ...(byTime ? { audioSeconds: seconds } : {}),
        },
        body: inForm(format, text, seconds, usage),
      };
    },
  };
}

/** `/v1/embeddings`, `/v1/images/generations` and `/v1/audio/transcriptions` as OpenAI documents them. */
export const openaiMediaRoute: Route = (path, request, response, rules) => {
  const orders: Record<string, () => Promise<Order>> = {
    '/v1/embeddings': async () => embeddings((await readJson(request)) ?? {}),
    '/v1/images/generations': async () => images((await readJson(request)) ?? {}, rules.bill),
    '/v1/audio/transcriptions': () => transcriptions(request, rules.bill),
  };
  const read = orders[path];
  if (!read || request.method !== 'POST') return undefined;
  return read().then((order) => {
    if (order) return serveMedia(order, response, rules);
    sendJson(response, 400, openaiWire.error(400, 'not a request of this endpoint, or not for this model', undefined));
  });
};
