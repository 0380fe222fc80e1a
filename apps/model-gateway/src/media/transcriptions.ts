import { inputTokenBound } from '@purser/money';
import type { TranscriptionRequest } from '@purser/plugin-sdk';
import { z } from 'zod';
import type { ModelCall } from '../calls/model-call.js';
import { secondsAtMost } from './audio/seconds.js';
import { mediaCall, readFields, refuseStream, unknownFields } from './media-call.js';
import type { Upload } from './upload.js';

const one = (what: string) => z.string({ error: what }).max(100, what).optional();

const Form = z.looseObject({
  model: z.string({ error: 'a capability such as "voice_transcription", or a model' }).min(1).max(300),
  response_format: one('such as "json", "text", "srt", "verbose_json" or "vtt"'),
  language: one('a language such as "en"'),
  temperature: one('a number from 0 to 1'),
  stream: one('once'),
});

/** What leaves the price alone, or has its part in the bounds. */
const HARMLESS = new Set([
  ...['model', 'language', 'prompt', 'response_format', 'temperature', 'stream'],
  ...['timestamp_granularities[]', 'timestamp_granularities', 'include[]', 'include'],
]);

/** OpenAI counts 10 tokens for a second of sound, Google 32. */
const AUDIO_TOKENS_PER_SECOND = 32;
/** The fastest speech has some 8 syllables a second. A model that loops stops at its own limit: 2,000 at OpenAI's. */
const TEXT_TOKENS_PER_SECOND = 16;
const TEXT_TOKENS = 2_048;

/** OpenAI's `POST /v1/audio/transcriptions`. */
export function readTranscription({ fields, fieldBytes, file }: Upload): ModelCall {
  const { model: asked, stream, ...rest } = readFields(Form, { value: fields }, 'transcription request');
  refuseStream(stream === 'true' || stream === '1');
  const audioSeconds = secondsAtMost(file.bytes);
  const prompt = inputTokenBound({ textBytes: fieldBytes, messages: 1, tools: 0, images: 0 });
  return mediaCall({
    kind: 'transcriptions',
    does: 'models that listen',
    model: asked,
    bounds: { inputTokens: prompt + audioSeconds * AUDIO_TOKENS_PER_SECOND, audioSeconds },
    choices: 1,
    outputAtMost: TEXT_TOKENS + audioSeconds * TEXT_TOKENS_PER_SECOND,
    pricedParameters: () => unknownFields(rest, HARMLESS),
    ask: (provider) =>
      provider.transcribe &&
      (async (model, options) => {
        const { name: fileName, type: contentType, bytes } = file;
        const sent = rest as TranscriptionRequest['fields'];
        const request = { model, audio: [bytes], fileName, contentType, fields: sent };
        const { body, usage } = await provider.transcribe!(request, options);
        if (typeof body !== 'string') return { body, usage, bytes: 0 };
        return { body, contentType: 'text/plain; charset=utf-8', usage, bytes: Buffer.byteLength(body) };
      }),
  });
}
