import { embeddedTexts, embeddingList } from './embedding-list.js';
import { ProviderError } from './model-provider.js';
import { subRip, webVtt } from './subtitles.js';

describe('embeddings', () => {
  it('lists vectors as OpenAI does, also packed', () => {
    const { answer, usage } = embeddingList({ model: 'm', input: ['a', 'b'] }, [[1, 0.5], [2]], 7);
    expect(answer).toEqual({
      object: 'list',
      data: [
        { object: 'embedding', index: 0, embedding: [1, 0.5] },
        { object: 'embedding', index: 1, embedding: [2] },
      ],
      model: 'm',
      usage: { prompt_tokens: 7, total_tokens: 7 },
    });
    expect(usage).toEqual({ inputTokens: 7, outputTokens: 0, cachedTokens: 0 });
    const packed = embeddingList({ model: 'm', input: 'a', encoding_format: 'base64' }, [[1, 0.5]], undefined);
    expect(packed).toMatchObject({ answer: { data: [{ embedding: 'AACAPwAAAD8=' }] }, usage: undefined });
    expect(packed.answer).not.toHaveProperty('usage');
  });

  it.each([{ input: [] }, { input: [1, 2] }, { input: [[1], [2]] }, { input: ['a', 1] as never }])(
    'takes no tokens: %j',
    (request) => {
      const read = () => embeddedTexts(request);
      expect(read).toThrow(ProviderError);
      expect(read).toThrow('not token numbers');
    },
  );

  it('takes one text or several', () => {
    expect(embeddedTexts({ input: 'a' })).toEqual(['a']);
    expect(embeddedTexts({ input: ['a', 'b'] })).toEqual(['a', 'b']);
  });
});

describe('subtitles', () => {
  const cues = [
    { start: 0, end: 1.5, text: ' Hello' },
    { start: 3661.0416, end: 3662, text: 'again' },
  ];

  it('writes SubRip', () => {
    expect(subRip(cues)).toBe('1\n00:00:00,000 --> 00:00:01,500\nHello\n\n2\n01:01:01,042 --> 01:01:02,000\nagain\n\n');
  });

  it('writes WebVTT', () => {
    expect(webVtt(cues)).toBe(
      'WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello\n\n01:01:01.042 --> 01:01:02.000\nagain\n\n',
    );
    expect(webVtt([])).toBe('WEBVTT\n\n');
  });
});
