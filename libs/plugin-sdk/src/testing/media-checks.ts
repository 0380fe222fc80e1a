import assert from 'node:assert/strict';
import type { EmbeddingRequest, ImageRequest, TranscriptionRequest } from '../media.js';
import type { CallOptions, ModelProvider } from '../model-provider.js';
import type { Usage } from '../usage.js';
import { never } from './chat-probe.js';
import type { ConformanceCheck } from './check.js';
import { wholeAnswerChecks } from './media-call-checks.js';
import type { MediaSubject } from './model-provider-subject.js';

type Provider<Member extends 'embed' | 'generateImages' | 'transcribe'> = ModelProvider &
  Required<Pick<ModelProvider, Member>>;

const texts = ['The quick brown fox', 'jumps over', 'the lazy dog.'];

/** Deeply frozen, as in chat. */
const embeddingRequest = (model: string, more: object = {}): EmbeddingRequest =>
  Object.freeze({ model, input: Object.freeze([...texts]) as never, ...more });

function vectorsOf(answer: Record<string, unknown>): unknown[] {
  assert.equal(answer.object, 'list');
  assert.equal(typeof answer.model, 'string');
  const data = answer.data as { object: string; index: number; embedding: unknown }[];
  for (const [index, entry] of data.entries()) {
    assert.equal(entry.object, 'embedding');
    assert.equal(entry.index, index, 'in the order of the texts');
  }
  JSON.stringify(answer);
  return data.map((entry) => entry.embedding);
}

/** Every rule for `embed`. */
export function embeddingChecks(subject: MediaSubject<'embed'>): ConformanceCheck[] {
  const { model } = subject;
  const call = async (provider: Provider<'embed'>, options: CallOptions): Promise<Usage | undefined> => {
    const { answer, usage } = await provider.embed(embeddingRequest(model), options);
    const vectors = vectorsOf(answer) as number[][];
    assert.equal(vectors.length, texts.length, 'one vector for each text');
    for (const vector of vectors) assert.ok(vector.length > 0 && vector.every((value) => Number.isFinite(value)));
    assert.equal(new Set(vectors.map((vector) => vector.join())).size, texts.length, 'each text has its own');
    return usage;
  };
  return wholeAnswerChecks('embed()', subject, call, (check) => [
    check('packs vectors as base64 when asked to', async (provider) => {
      const plain = await provider.embed(embeddingRequest(model), { signal: never() });
      const packed = await provider.embed(embeddingRequest(model, { encoding_format: 'base64' }), { signal: never() });
      const [vector] = vectorsOf(plain.answer) as number[][];
      const [bytes] = vectorsOf(packed.answer) as string[];
      assert.equal(typeof bytes, 'string');
      const floats = Buffer.from(bytes ?? '', 'base64');
      assert.equal(floats.length, (vector?.length ?? 0) * 4, '32-bit floats');
      assert.ok(Math.abs(floats.readFloatLE(0) - (vector?.[0] ?? NaN)) < 1e-6, 'the same vector');
    }),
    check('takes one text without a list', async (provider) => {
      const { answer } = await provider.embed(Object.freeze({ model, input: 'Alone.' }), { signal: never() });
      assert.equal(vectorsOf(answer).length, 1);
    }),
  ]);
}

/** Every rule for `generateImages`. */
export function imageChecks(subject: MediaSubject<'generateImages'>): ConformanceCheck[] {
  const request: ImageRequest = Object.freeze({ model: subject.model, prompt: 'A red square.', n: 2 });
  const call = async (provider: Provider<'generateImages'>, options: CallOptions): Promise<Usage | undefined> => {
    const { answer, usage } = await provider.generateImages(request, options);
    assert.equal(typeof answer.created, 'number');
    const pictures = answer.data as { b64_json?: unknown; url?: unknown }[];
    assert.equal(pictures.length, 2, 'as many as were asked for');
    for (const picture of pictures) assert.equal(typeof (picture.b64_json ?? picture.url), 'string');
    JSON.stringify(answer);
    return usage;
  };
  return wholeAnswerChecks('generateImages()', subject, call, () => []);
}

const heard = 'A sentence that was spoken slowly and clearly.';

/** A second of silence, 16 bits at 16 kHz: every recogniser takes it. */
function recording(): Uint8Array[] {
  const rate = 16_000;
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + rate * 2, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(rate * 2, 40);
  // In pieces, as it comes from a client, and not aligned to anything.
  const whole = Buffer.concat([header, Buffer.alloc(rate * 2)]);
  return [whole.subarray(0, 1001), whole.subarray(1001)];
}

const transcriptionRequest = (model: string, format?: string): TranscriptionRequest =>
  Object.freeze({
    model,
    audio: Object.freeze(recording()),
    fileName: 'speech.wav',
    contentType: 'audio/wav',
    fields: Object.freeze({ language: 'en', ...(format === undefined ? {} : { response_format: format }) }),
  });

/** Every rule for `transcribe`. A format that the model has not got may be refused, as `invalid_request`. */
export function transcriptionChecks(subject: MediaSubject<'transcribe'>): ConformanceCheck[] {
  const { model } = subject;
  const call = async (provider: Provider<'transcribe'>, options: CallOptions): Promise<Usage | undefined> => {
    const { body, usage } = await provider.transcribe(transcriptionRequest(model), options);
    assert.ok(typeof body === 'object', 'an object, as without a response_format');
    assert.equal(body.text, heard);
    JSON.stringify(body);
    return usage;
  };
  const formats: [format: string, holds: (body: unknown) => boolean][] = [
    ['json', (body) => (body as { text?: unknown }).text === heard],
    ['text', (body) => typeof body === 'string' && body.trim() === heard],
    ['verbose_json', (body) => (body as { text?: unknown }).text === heard],
    ['srt', (body) => typeof body === 'string' && /^1\n00:00:00,\d{3} --> 00:00:0\d,\d{3}\n\w/.test(body)],
    ['vtt', (body) => typeof body === 'string' && /^WEBVTT\n\n00:00:00\.\d{3} --> 00:00:0\d\.\d{3}\n\w/.test(body)],
  ];
  return wholeAnswerChecks(
    'transcribe()',
    subject,
    call,
    (check) =>
      formats.map(([format, holds]) =>
        check(`answers in the form "${format}"`, async (provider, { upstream }) => {
          await upstream.next({ reply: heard });
          const { body } = await provider.transcribe(transcriptionRequest(model, format), { signal: never() });
          assert.ok(holds(body), `${format}, not ${JSON.stringify(body)}`);
        }),
      ),
    { reply: heard },
  );
}
