import type { ModelProvider, PluginContext, TranscriptionRequest } from '@purser/plugin-sdk';
import { embeddingChecks, imageChecks, transcriptionChecks } from '@purser/plugin-sdk/testing';
import { type ModelServer, startModelServer } from '@purser/testing';
import plugin from './index.js';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const byTokens = { inputPerMillionUsd: 1, outputPerMillionUsd: 2 };
const models = {
  'gpt-image-demo': byTokens,
  dalle: { ...byTokens, perImageUsd: '0.04' },
  transcriber: byTokens,
  whisper: { ...byTokens, perMinuteUsd: '0.006' },
};

type Media = ModelProvider & Required<Pick<ModelProvider, 'embed' | 'generateImages' | 'transcribe'>>;

function provide(config: object, secrets: Record<string, string> = {}): Media {
  const context: PluginContext = {
    logger: quiet,
    secret: (name) => secrets[name],
    signal: new AbortController().signal,
  };
  return plugin.capabilities.modelProvider!(context, plugin.config.parse(config)) as Media;
}

const subject = (model: string) => ({
  model,
  open: async () => {
    const server = await startModelServer({ models, apiKey: 'sk-demo' });
    return {
      provider: provide({ baseUrl: server.openaiBaseUrl, apiKeyEnv: 'DEMO_KEY' }, { DEMO_KEY: 'sk-demo' }),
      upstream: {
        next: (behaviour: object) => server.script(behaviour, { times: 1 }),
        calls: server.calls,
      },
      close: () => server.stop(),
    };
  },
  unreachable: async () => {
    const server = await startModelServer({ models });
    await server.stop();
    return provide({ baseUrl: server.openaiBaseUrl });
  },
});

describe('conformance', () => {
  for (const { name, run } of embeddingChecks(subject('transcriber'))) it(name, run);
  describe.each(['gpt-image-demo', 'dalle'])('of %s', (model) => {
    for (const { name, run } of imageChecks(subject(model))) it(name, run);
  });
  for (const { name, run } of transcriptionChecks(subject('whisper'))) it(name, run);
});

const signal = new AbortController().signal;
const recording: TranscriptionRequest = {
  model: 'transcriber',
  audio: [Buffer.alloc(20_000), Buffer.alloc(12_000)],
  fileName: 'voice.ogg',
  contentType: 'audio/ogg',
  fields: {},
};

describe('with the model server', () => {
  let server: ModelServer;
  let provider: Media;
  beforeEach(async () => {
    server = await startModelServer({ models });
    provider = provide({ baseUrl: server.openaiBaseUrl });
  });
  afterEach(() => server.stop());

  it('passes on what it does not know, and adds nothing', async () => {
    const asked = { model: 'transcriber', input: [[1, 2, 3], [4]], dimensions: 4, vendor_option: true };
    const { answer, usage } = await provider.embed(asked, { signal });
    expect(server.calls[0]!.request).toEqual(asked);
    expect(answer).toMatchObject({ data: [{ embedding: { length: 4 } }, {}] });
    expect(usage).toEqual({ inputTokens: 4, outputTokens: 0, cachedTokens: 0 });
  });

  it('tells tokens of pictures where the model is billed by them, else their number', async () => {
    const asked = { prompt: 'A red square', n: 2, quality: 'low' };
    const told = await provider.generateImages({ ...asked, model: 'gpt-image-demo' }, { signal });
    expect(told.usage).toEqual({
      inputTokens: 3,
      outputTokens: 200,
      cachedTokens: 0,
      imageInputTokens: 0,
      imageOutputTokens: 200,
      images: 2,
    });
    const counted = await provider.generateImages({ ...asked, model: 'dalle', response_format: 'url' }, { signal });
    expect(counted).toMatchObject({
      answer: { data: [{ url: expect.stringContaining('https://') as string }, {}] },
      usage: { inputTokens: 0, outputTokens: 0, images: 2 },
    });
    expect(server.calls.map((call) => [call.images, call.billedNano])).toEqual([
      [2, 403_000n],
      [2, 80_000_000n],
    ]);
    server.script({ omitUsage: true });
    expect((await provider.generateImages({ ...asked, model: 'gpt-image-demo' }, { signal })).usage).toBeUndefined();
  });

  it('sends a recording with its name, type and fields, and tells its tokens', async () => {
    const fields = { prompt: 'names', temperature: '0', 'include[]': ['logprobs'], response_format: 'json' };
    server.script({ reply: 'Hello there' });
    expect(await provider.transcribe({ ...recording, fields }, { signal })).toEqual({
      body: expect.objectContaining({ text: 'Hello there' }) as object,
      usage: { inputTokens: 22, outputTokens: 3, cachedTokens: 0, audioInputTokens: 20 },
    });
    expect(server.calls[0]!.request).toEqual({
      ...fields,
      model: 'transcriber',
      file: { name: 'voice.ogg', type: 'audio/ogg', size: 32_000 },
    });
  });

  it.each([
    ['text', 'json', 'Hello out there\n'],
    [
      'srt',
      'verbose_json',
      '1\n00:00:00,000 --> 00:00:01,333\nHello out\n\n2\n00:00:01,333 --> 00:00:02,000\nthere\n\n',
    ],
    [
      'vtt',
      'verbose_json',
      'WEBVTT\n\n00:00:00.000 --> 00:00:01.333\nHello out\n\n00:00:01.333 --> 00:00:02.000\nthere\n\n',
    ],
  ])('gives %s with its usage, by asking for %s', async (format, asked, body) => {
    server.script({ reply: 'Hello out there' });
    const request = { ...recording, model: 'whisper', fields: { response_format: format } };
    const heard = await provider.transcribe(request, { signal });
    expect(heard).toEqual({ body, usage: { inputTokens: 0, outputTokens: 0, cachedTokens: 0, audioSeconds: 2 } });
    expect(server.calls[0]!.request).toMatchObject({ response_format: asked });
    const response = await fetch(`${server.openaiBaseUrl}/audio/transcriptions`, {
      method: 'POST',
      body: form(format),
    });
    // What the server itself makes of it.
    expect(await response.text()).toBe(body);
  });

  it('refuses streams, which nothing here reads, before anything is sent', async () => {
    const call = provider.transcribe({ ...recording, fields: { stream: 'true' } }, { signal });
    await expect(call).rejects.toMatchObject({ kind: 'invalid_request', mayBill: false });
    const pictures = provider.generateImages({ model: 'dalle', prompt: 'x', stream: true }, { signal });
    await expect(pictures).rejects.toMatchObject({ kind: 'invalid_request', mayBill: false });
    expect(server.calls).toEqual([]);
  });
});

function form(format: string): FormData {
  const fields = new FormData();
  fields.append('model', 'whisper');
  fields.append('response_format', format);
  fields.append('file', new File([Buffer.alloc(32_000)], 'voice.ogg'));
  return fields;
}
