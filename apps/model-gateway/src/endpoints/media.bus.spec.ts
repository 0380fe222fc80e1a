import { formatUsd, parseUsd } from '@purser/money';
import { eventually } from '@purser/testing';
import OpenAI, { toFile } from 'openai';
import { openWorld, type World } from '../gateway.fixture.js';
import { lace, m4a, opusPacket, webm } from '../media/audio/containers.fixture.js';
import { wav } from '../media/audio/recordings.fixture.js';

jest.setTimeout(90_000);

const TOKENS = { inputPerMillionUsd: '1', outputPerMillionUsd: '10' };
const NOTHING = { inputPerMillionUsd: '0', outputPerMillionUsd: '0' };
const [EMBED, EMBED_FREE, PICTURES, PLAIN_PICTURES] = ['embed', 'embed-free', 'gpt-image-demo', 'dalle'];
const [WHISPER, TRANSCRIBER, GOOGLE] = ['whisper', 'transcriber', 'latest_long'];

let world: World;
let startedAt: string;
let before: string | null;
beforeAll(async () => {
  world = await openWorld({
    served: {
      [EMBED]: TOKENS,
      [EMBED_FREE]: NOTHING,
      [PICTURES]: TOKENS,
      [PLAIN_PICTURES]: { ...NOTHING, perImageUsd: '0.04' },
      [WHISPER]: { ...NOTHING, perMinuteUsd: '0.006' },
      [TRANSCRIBER]: TOKENS,
      [GOOGLE]: { ...NOTHING, perMinuteUsd: '0.024' },
    },
    ladders: {
      embedding: {
        tier_1_paid: { provider: 'openai', model: EMBED, price: TOKENS },
        tier_3_free: { provider: 'ollama', model: EMBED_FREE },
      },
      pictures: {
        tier_1_paid: { provider: 'openai', model: PICTURES, price: TOKENS },
        tier_2_paid: { provider: 'openai', model: PLAIN_PICTURES, price: { perImageUsd: '0.04' } },
      },
      voice_transcription: {
        tier_1_paid: { provider: 'openai', model: WHISPER, price: { perMinuteUsd: '0.006' } },
        tier_2_paid: { provider: 'google-speech', model: GOOGLE, price: { perMinuteUsd: '0.024' } },
      },
      by_tokens: { tier_1_paid: { provider: 'openai', model: TRANSCRIBER, price: TOKENS } },
      mispriced: { tier_1_paid: { provider: 'openai', model: WHISPER, price: TOKENS } },
    },
    env: { DEMO_GOOGLE_KEY: 'demo' },
    plugins: ({ googleUrl }) => [
      { use: '@purser/google-speech', config: { endpoint: googleUrl, apiKeyEnv: 'DEMO_GOOGLE_KEY' } },
    ],
  });
});
afterAll(() => world.close());
beforeEach(async () => {
  world.models.clearScript();
  world.watchdog.spends.length = 0;
  await budget('1000000', { provider: 'nobody' });
  // Which budgets count is read with a call, which is none of the test's.
  await eventually(async () => {
    const { response } = await world.client().embeddings.create({ model: EMBED, input: 'Hello' }).withResponse();
    before = response.headers.get('x-request-id');
  });
  startedAt = new Date().toISOString();
});

const ownSpends = () =>
  world.watchdog.spends.filter(({ usageAt, callId }) => usageAt >= startedAt && callId !== before);
const oneSpend = () =>
  eventually(() => {
    const spends = ownSpends();
    expect(spends).toHaveLength(1);
    return spends[0]!;
  });
const failure = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => error as InstanceType<typeof OpenAI.APIError>,
  );
const speech = (seconds = 2) => toFile(wav(seconds), 'speech.wav', { type: 'audio/wav' });
const billed = () => formatUsd(world.models.calls.at(-1)?.billedNano ?? 0n);

/** Settled as the provider bills it, within a hold that was taken before. */
async function expectExact(): Promise<void> {
  const spend = await oneSpend();
  expect(spend).toMatchObject({ amountUsd: billed(), finality: 'final', outcome: 'ok' });
  expect(parseUsd(spend.holdUsd)).toBeGreaterThanOrEqual(parseUsd(spend.amountUsd));
  expect(parseUsd(spend.amountUsd)).toBeGreaterThan(0n);
}

/** A client that leaves while the provider works: it is cancelled there, and the hold is what it costs. */
async function expectCancelled(model: string, ask: (options: { signal: AbortSignal }) => Promise<unknown>) {
  world.models.script({ hang: 'before' }, { model, times: 1 });
  const leaving = new AbortController();
  const asked = failure(ask({ signal: leaving.signal }));
  await eventually(() => expect(world.models.calls.at(-1)).toMatchObject({ model, state: 'running' }));
  leaving.abort();
  await asked;
  await eventually(() => expect(world.models.calls.at(-1)?.state).toBe('cancelled'));
  const spend = await oneSpend();
  expect(spend).toMatchObject({ outcome: 'cancelled', finality: 'presumed', amountUsd: spend.holdUsd });
}

async function budget(limitUsd: string, scope: object): Promise<void> {
  world.watchdog.setBudget({ id: 'b', period: 'total', limitUsd, scope });
  await world.watchdog.beat();
}

describe('embeddings', () => {
  const embed = (input: OpenAI.EmbeddingCreateParams['input'], model = 'embedding', more: object = {}) =>
    world.client().embeddings.create({ model, input, ...more });

  it.each<[string, OpenAI.EmbeddingCreateParams['input'], number]>([
    ['a text', 'Hello out there', 1],
    ['texts', ['Hello', 'out there'], 2],
    ['tokens', [15_339, 704, 1_070], 1],
    ['lists of tokens', [[15_339], [704, 1_070]], 2],
    ['a long text', 'word '.repeat(20_000), 1],
  ])('of %s, packed as the client asks by itself', async (_, input, count) => {
    const { data, response } = await embed(input).withResponse();
    expect(response.headers.get('x-purser-tier')).toBe('tier_1_paid');
    expect(data.data).toHaveLength(count);
    expect(world.models.calls.at(-1)?.request).toMatchObject({ input, encoding_format: 'base64' });
    await expectExact();
    const plain = await embed(input, 'embedding', { encoding_format: 'float' });
    expect(data.data[0]?.embedding.length).toBe(plain.data[0]?.embedding.length);
    expect(data.data[0]?.embedding[0]).toBeCloseTo(plain.data[0]?.embedding[0] ?? NaN, 5);
  });

  it('go on for free when the money is gone, and only then', async () => {
    await budget('0', { provider: 'openai' });
    await eventually(async () => {
      const { response } = await embed('Hello').withResponse();
      expect(response.headers.get('x-purser-tier')).toBe('tier_3_free');
      expect(response.headers.get('x-purser-fallback-reason')).toContain('budget_exhausted');
    });
    expect(await failure(embed('Hello', EMBED))).toMatchObject({ status: 402, code: 'budget_exceeded' });
  });

  it('are refused with the name of what is wrong', async () => {
    expect(await failure(embed(['']))).toMatchObject({ status: 400, param: 'input' });
    expect(await failure(embed('Hello', 'voice_transcription'))).toMatchObject({ status: 503, code: 'no_tier' });
    await budget('1', { provider: 'openai' });
    await eventually(async () => {
      const error = await failure(embed('Hello', EMBED, { dearer: true }));
      expect(error).toMatchObject({ status: 400, code: 'unsupported_parameter', param: 'dearer' });
    });
  });

  it('that the client no longer waits for are cancelled', () =>
    expectCancelled(EMBED, (options) => world.client().embeddings.create({ model: EMBED, input: 'Hello' }, options)));
});

describe('pictures', () => {
  const draw = (more: object = {}, model = 'pictures') => {
    const params: OpenAI.ImageGenerateParamsNonStreaming = { model, prompt: 'A red square', ...more };
    return world.client().images.generate(params);
  };

  it('are billed by their tokens where the model tells them', async () => {
    const { data, response } = await draw({ n: 2, quality: 'low', size: '1024x1024' }).withResponse();
    expect(data.data).toHaveLength(2);
    expect(response.headers.get('x-purser-model')).toBe(PICTURES);
    await expectExact();
    // 512 tokens each, at $10 per million.
    expect(parseUsd((await oneSpend()).holdUsd)).toBeGreaterThan(2n * 512n * 10_000n);
  });

  it('are held at what the dearest can cost when the model chooses', async () => {
    await draw();
    expect(parseUsd((await oneSpend()).holdUsd)).toBeGreaterThan(2n * 8_192n * 10_000n);
  });

  it('by the picture cost so much each, as long as they are plain', async () => {
    await draw({ n: 3, size: '1024x1024' }, PLAIN_PICTURES);
    expect((await oneSpend()).amountUsd).toBe('0.12');
    await expectExact();
    await budget('1', { provider: 'openai' });
    await eventually(async () => {
      expect(await failure(draw({ size: '1792x1024' }, PLAIN_PICTURES))).toMatchObject({ status: 400, param: 'size' });
    });
    expect(await failure(draw({ quality: 'hd' }, PLAIN_PICTURES))).toMatchObject({ status: 400, param: 'quality' });
  });

  it('fall back to a tier that the rest of the money covers, and are refused without any', async () => {
    await budget('0.05', { provider: 'openai' });
    await eventually(async () => {
      const { response } = await draw().withResponse();
      expect(response.headers.get('x-purser-model')).toBe(PLAIN_PICTURES);
    });
    await eventually(async () => expect(await failure(draw())).toMatchObject({ status: 402 }));
  });

  it('are not streamed, and have bounds', async () => {
    expect(await failure(draw({ stream: true }))).toMatchObject({ status: 400, param: 'stream' });
    expect(await failure(draw({ n: 11 }))).toMatchObject({ status: 400, param: 'n' });
    expect(await failure(draw({ prompt: '' }))).toMatchObject({ status: 400, param: 'prompt' });
  });

  it('that the client no longer waits for are cancelled', () =>
    expectCancelled(PICTURES, (options) =>
      world.client().images.generate({ model: PICTURES, prompt: 'A red square' }, options),
    ));
});

describe('speech', () => {
  const listen = async (more: object = {}, model = 'voice_transcription', seconds = 2) =>
    world.client().audio.transcriptions.create({ model, file: await speech(seconds), ...more }) as Promise<unknown>;

  it.each<[string, object]>([
    ['json', { text: 'Hello out there' }],
    ['verbose_json', { text: 'Hello out there', duration: 2, segments: [{}, {}] }],
    ['text', expect.stringMatching(/^Hello out there\n$/) as object],
    ['srt', expect.stringMatching(/^1\n00:00:00,000 --> 00:00:01,\d{3}\nHello out\n/) as object],
  ])('to %s', async (format, expected) => {
    world.models.script({ reply: 'Hello out there' }, { times: 1 });
    const heard = await listen({ response_format: format, language: 'en', prompt: 'names' });
    if (typeof heard === 'string') expect(heard).toEqual(expected);
    else expect(heard).toMatchObject(expected);
    expect(world.models.calls.at(-1)?.request).toMatchObject({
      language: 'en',
      prompt: 'names',
      file: { size: 64_044 },
    });
    await expectExact();
    // Held for a quarter of a minute at least.
    expect((await oneSpend()).holdUsd).toBe('0.0015');
  });

  const minute = Array.from({ length: 60 * 50 }, () => lace([opusPacket(310)], 'none'));
  it.each([
    ['a phone', 'memo.m4a', m4a({ samples: (60 * 16_000) / 1_024, bytes: 950_000 })],
    ['a browser', 'memo.webm', webm({ blocks: minute })],
  ])('is held at its length, also as %s records it', async (_, name, file) => {
    await budget(formatUsd(world.watchdog.settled('b') + parseUsd('0.0100')), { provider: 'openai' });
    await eventually(async () => {
      const heard = await world
        .client()
        .audio.transcriptions.create({ model: 'voice_transcription', file: await toFile(file, name) })
        .withResponse();
      expect(heard.response.headers.get('x-purser-provider')).toBe('openai');
    });
    const spend = await oneSpend();
    expect(spend).toMatchObject({ holdUsd: '0.0075', finality: 'final', outcome: 'ok' });
    expect(parseUsd(spend.amountUsd)).toBeGreaterThanOrEqual(parseUsd('0.0060'));
    expect(parseUsd(spend.amountUsd)).toBeLessThanOrEqual(parseUsd(spend.holdUsd));
  });

  it('is billed by tokens where the model tells them', async () => {
    await listen({}, 'by_tokens');
    await expectExact();
  });

  it('costs its whole hold when the bill is in another unit than the price', async () => {
    await listen({}, 'mispriced');
    const spend = await oneSpend();
    expect(spend).toMatchObject({ finality: 'presumed', amountUsd: spend.holdUsd });
    expect(parseUsd(spend.amountUsd)).toBeGreaterThan(0n);
  });

  it('goes to the next tier when the first has no money or no time', async () => {
    await budget('0', { provider: 'openai' });
    await eventually(async () => {
      const form = new FormData();
      form.append('model', 'voice_transcription');
      form.append('file', await speech());
      const response = await send(form);
      expect(response.headers.get('x-purser-provider')).toBe('google-speech');
      expect(await response.json()).toMatchObject({ text: 'this is what was heard' });
    });
    await budget('0', {});
    await eventually(async () => expect(await failure(listen())).toMatchObject({ status: 402 }));
  });

  const send = (body: FormData | string, headers: Record<string, string> = {}) =>
    fetch(`${world.gateway.url}/v1/audio/transcriptions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${world.adminKey}`, ...headers },
      body,
    });
  const form = (fields: Record<string, string | Blob>): FormData => {
    const made = new FormData();
    for (const [name, value] of Object.entries(fields)) made.append(name, value);
    return made;
  };

  it('is refused with the name of what is wrong', async () => {
    const model = 'voice_transcription';
    const file = await speech();
    const told = async (response: Response) => [
      response.status,
      ((await response.json()) as { error: { param: unknown } }).error.param,
    ];
    expect(await failure(listen({ stream: true }))).toMatchObject({ status: 400, param: 'stream' });
    expect(await told(await send(form({ model })))).toEqual([400, 'file']);
    expect(await told(await send(form({ model, file: 'text' })))).toEqual([400, 'file']);
    expect(await told(await send(form({ file })))).toEqual([400, 'model']);
    expect(await told(await send(form({ model, sound: file })))).toEqual([400, 'sound']);
    expect(await told(await send('{}', { 'content-type': 'application/json' }))).toEqual([400, null]);
    const large = new File([Buffer.alloc(25 * 1024 * 1024 + 1)], 'large.wav');
    expect(await told(await send(form({ model, file: large })))).toEqual([413, 'file']);
    expect(ownSpends()).toEqual([]);
  });

  it('of 25 MB goes through as it is', async () => {
    const file = new File([wav(1), Buffer.alloc(25 * 1024 * 1024 - wav(1).length)], 'long.wav');
    const { status } = await send(form({ model: WHISPER, file }));
    expect(status).toBe(200);
    expect(world.models.calls.at(-1)?.request).toMatchObject({ file: { size: 25 * 1024 * 1024 } });
    // 819.2 seconds, of which the last has begun.
    expect((await oneSpend()).amountUsd).toBe('0.0820');
  });

  it('that the client no longer waits for is cancelled', async () => {
    const file = await speech();
    await expectCancelled(WHISPER, (options) =>
      world.client().audio.transcriptions.create({ model: WHISPER, file }, options),
    );
  });
});
