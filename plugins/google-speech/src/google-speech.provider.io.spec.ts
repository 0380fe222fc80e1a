import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelProvider, PluginContext, TranscriptionRequest } from '@purser/plugin-sdk';
import { transcriptionChecks } from '@purser/plugin-sdk/testing';
import { type ModelServer, type ModelServerOptions, startModelServer } from '@purser/testing';
import plugin from './index.js';

const model = 'latest_long';
const models = { [model]: { inputPerMillionUsd: 0, outputPerMillionUsd: 0, perMinuteUsd: '0.024' } };

type Google = ModelProvider & Required<Pick<ModelProvider, 'transcribe'>>;
const warnings: object[] = [];

function provide(config: object, secrets: Record<string, string> = {}): Google {
  const context: PluginContext = {
    logger: { debug() {}, info() {}, warn: (fields) => warnings.push(fields), error() {} },
    secret: (name) => secrets[name],
    signal: new AbortController().signal,
  };
  return plugin.capabilities.modelProvider!(context, plugin.config.parse(config)) as Google;
}

const withKey = (url: string, more: object = {}) =>
  provide({ endpoint: url, apiKeyEnv: 'DEMO_KEY', ...more }, { DEMO_KEY: 'demo-key' });

describe('conformance', () => {
  const checks = transcriptionChecks({
    model,
    open: async () => {
      const server = await startModelServer({ models, apiKey: 'demo-key' });
      return {
        provider: withKey(server.googleUrl),
        upstream: { next: (behaviour) => server.script(behaviour, { times: 1 }), calls: server.calls },
        close: () => server.stop(),
      };
    },
    unreachable: async () => {
      const server = await startModelServer({ models });
      await server.stop();
      return withKey(server.googleUrl);
    },
  });
  for (const { name, run } of checks) it(name, run);
});

const signal = new AbortController().signal;

function recording(seconds: number, more: Partial<TranscriptionRequest> = {}): TranscriptionRequest {
  const header = Buffer.alloc(44);
  header.write('RIFF');
  header.write('WAVE', 8);
  header.writeUInt32LE(16_000, 28);
  return {
    model,
    audio: [header, Buffer.alloc(seconds * 16_000)],
    fileName: 'speech.wav',
    contentType: 'audio/wav',
    fields: {},
    ...more,
  };
}

let server: ModelServer;
let folder: string;
let credentials: string;
const start = async (options: Partial<ModelServerOptions> = {}) => {
  server = await startModelServer({ models, apiKey: 'demo-key', ...options });
};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-google-'));
  credentials = join(folder, 'account.json');
});
afterAll(() => rm(folder, { recursive: true }));
const end = async () => {
  await server.stop();
  warnings.length = 0;
};

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** A provider with a service account whose tokens the model server gives. */
async function withAccount(more: object = {}, file: object = {}): Promise<Google> {
  const account = {
    type: 'service_account',
    client_email: 'purser@demo.iam.gserviceaccount.com',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    token_uri: `${server.googleUrl}/token`,
    ...file,
  };
  await writeFile(credentials, JSON.stringify(account));
  const { googleUrl: url } = server;
  const config = { endpoint: url, storageEndpoint: url, credentialsEnv: 'DEMO_ACCOUNT', ...more };
  return provide(config, { DEMO_ACCOUNT: credentials });
}

describe('a short recording', () => {
  afterEach(end);

  it('goes with the request, and is billed by the second', async () => {
    await start();
    server.script({ reply: 'hello there' });
    const asked = recording(2.5, { fields: { language: 'de', response_format: 'json', prompt: 'names' } });
    expect(await withKey(server.googleUrl).transcribe(asked, { signal })).toEqual({
      body: { text: 'hello there', usage: { type: 'duration', seconds: 3 } },
      usage: { inputTokens: 0, outputTokens: 0, cachedTokens: 0, audioSeconds: 3 },
    });
    expect(server.calls).toMatchObject([
      {
        api: 'google-speech',
        request: {
          config: { languageCode: 'de-DE', model, enableAutomaticPunctuation: true },
          audio: { bytes: 40_044 },
        },
        billedNano: 1_200_000n,
      },
    ]);
  });

  it('asks for the times of words only for forms that have them', async () => {
    await start();
    const provider = withKey(server.googleUrl, { language: 'fr', punctuation: false });
    for (const response_format of ['text', 'srt']) {
      await provider.transcribe(recording(1, { fields: { response_format } }), { signal });
    }
    expect(server.calls.map((call) => call.request.config)).toEqual([
      { languageCode: 'fr-FR', model, enableAutomaticPunctuation: false },
      { languageCode: 'fr-FR', model, enableAutomaticPunctuation: false, enableWordTimeOffsets: true },
    ]);
  });

  it('goes to the version that knows MP3', async () => {
    await start();
    const frame = Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0]), Buffer.alloc(16_000)]);
    const asked = recording(0, { audio: [frame], contentType: 'audio/mpeg' });
    await withKey(server.googleUrl).transcribe(asked, { signal });
    expect(server.calls[0]!.request.config).toMatchObject({ encoding: 'MP3', sampleRateHertz: 44_100 });
  });

  it.each([
    [{ response_format: 'diarized_json' }, 'not as "diarized_json"'],
    [{ stream: 'true' }, 'not as a stream'],
    [{ language: 'english' }, 'not the code of a language'],
  ])('is refused before it is sent with %j', async (fields, message) => {
    await start();
    await expect(withKey(server.googleUrl).transcribe(recording(1, { fields }), { signal })).rejects.toMatchObject({
      kind: 'invalid_request',
      mayBill: false,
      message: expect.stringContaining(message) as string,
    });
    expect(server.calls).toEqual([]);
  });
});

describe('a long recording', () => {
  afterEach(end);

  const long = recording(61);

  it('needs a bucket', async () => {
    await start();
    await expect(withKey(server.googleUrl).transcribe(long, { signal })).rejects.toMatchObject({
      kind: 'invalid_request',
      mayBill: false,
      message: expect.stringContaining('set "bucket" in plugins.json') as string,
    });
    expect(server.calls).toEqual([]);
  });

  it('needs a service account', async () => {
    await start();
    const provider = withKey(server.googleUrl, { bucket: 'demo-bucket' });
    await expect(provider.transcribe(long, { signal })).rejects.toMatchObject({ kind: 'auth', mayBill: false });
    expect(warnings).toEqual([]);
  });

  it('passes through the bucket and leaves nothing there', async () => {
    await start();
    const provider = await withAccount({ bucket: 'demo-bucket' });
    server.script({ reply: 'a long speech' });
    expect(await provider.transcribe(long, { signal })).toMatchObject({
      body: { text: 'a long speech' },
      usage: { audioSeconds: 61 },
    });
    expect(server.calls).toMatchObject([{ state: 'completed', audioSeconds: 61 }]);
    expect(server.googleObjects()).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it('does so too when only Google could tell how long it is', async () => {
    await start();
    const provider = await withAccount({ bucket: 'demo-bucket' });
    const asked = recording(0, { audio: [Buffer.alloc(61 * 16_000)], contentType: 'audio/webm' });
    expect(await provider.transcribe(asked, { signal })).toMatchObject({ usage: { audioSeconds: 61 } });
    expect(server.calls).toHaveLength(1);
  });

  it('may cost something when the operation fails', async () => {
    await start();
    const provider = await withAccount({ bucket: 'demo-bucket' });
    server.script({ operationError: 'out of memory' });
    await expect(provider.transcribe(long, { signal })).rejects.toMatchObject({
      kind: 'overloaded',
      mayBill: true,
      message: 'out of memory',
    });
    expect(server.googleObjects()).toEqual([]);
  });

  it('is deleted when the caller leaves, who is not kept waiting', async () => {
    await start();
    const provider = await withAccount({ bucket: 'demo-bucket' });
    server.script({ operationRuns: true });
    const abort = new AbortController();
    const call = provider.transcribe(long, { signal: abort.signal });
    call.catch(() => undefined);
    while (server.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(server.googleObjects()).toHaveLength(1);
    abort.abort(new Error('the caller left'));
    await expect(call).rejects.toThrow('the caller left');
    while (server.googleObjects().length > 0) await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('credentials', () => {
  afterEach(end);

  it('are a service account’s tokens where there is no API key', async () => {
    await start();
    const provider = await withAccount();
    expect(await provider.check({ signal })).toEqual({ available: true });
    expect(await provider.transcribe(recording(1), { signal })).toMatchObject({ usage: { audioSeconds: 1 } });
  });

  it.each([
    [{ type: 'authorized_user' }, 'not the key file of a service account'],
    [{ private_key: 'x' }, 'Google gives no token'],
  ])('say what is wrong with the file: %j', async (file, message) => {
    await start();
    const provider = await withAccount({}, file);
    await expect(provider.transcribe(recording(1), { signal })).rejects.toMatchObject({
      mayBill: false,
      message: expect.stringContaining(message) as string,
    });
    expect(server.calls).toEqual([]);
  });

  it('that are refused make the provider unavailable', async () => {
    await start({ apiKey: 'another' });
    const provider = withKey(server.googleUrl);
    expect(await provider.check({ signal })).toEqual({
      available: false,
      reason: 'Google refuses DEMO_KEY: API key not valid. Please pass a valid API key.',
    });
    await expect(provider.transcribe(recording(1), { signal })).rejects.toMatchObject({ kind: 'auth', mayBill: false });
  });

  it('are needed, and Google’s go nowhere else', async () => {
    await start();
    expect(await provide({}).check({ signal })).toEqual({
      available: false,
      reason: expect.stringContaining('GOOGLE_API_KEY or GOOGLE_APPLICATION_CREDENTIALS is not set') as string,
    });
    const elsewhere = provide({ endpoint: server.googleUrl }, { GOOGLE_API_KEY: 'demo-key' });
    expect(await elsewhere.check({ signal })).toEqual({
      available: false,
      reason: expect.stringContaining('name the environment variable') as string,
    });
  });

  it('do not help where nobody listens', async () => {
    await start();
    await server.stop();
    expect(await withKey(server.googleUrl).check({ signal })).toEqual({
      available: false,
      reason: expect.stringContaining('cannot reach http://127.0.0.1') as string,
    });
  });
});
