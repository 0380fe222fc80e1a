import { cuesOf, render } from './forms.js';
import { heardOf, usageOf } from './recognition.js';

const word = (text: string, start: number, end = start + 0.5) => ({ word: text, start, end });
const request = (fields: Record<string, string | string[]> = {}) => ({
  model: 'latest_long',
  audio: [],
  fileName: 'a.wav',
  contentType: 'audio/wav',
  fields,
});

const answer = {
  results: [
    {
      alternatives: [
        {
          transcript: 'Hello there.',
          words: [
            { startTime: '0s', endTime: '0.500s', word: 'Hello' },
            { startTime: '0.500s', endTime: '1.100s', word: 'there.' },
          ],
        },
        { transcript: 'Yellow hair.' },
      ],
      resultEndTime: '1.2s',
      languageCode: 'en-us',
    },
    { alternatives: [{ transcript: ' Bye', words: [{ startTime: '2s', endTime: '2.4s', word: 'Bye' }] }] },
    {},
  ],
  totalBilledTime: '3s',
};

it('reads the best of each result', () => {
  expect(heardOf(answer, 'en-US', 2.5)).toEqual({
    text: 'Hello there. Bye',
    words: [word('Hello', 0), word('there.', 0.5, 1.1), word('Bye', 2, 2.4)],
    language: 'en-us',
    seconds: 2.5,
  });
  expect(usageOf(answer)).toEqual({ inputTokens: 0, outputTokens: 0, cachedTokens: 0, audioSeconds: 3 });
});

it('takes silence for an empty text, and no length for none', () => {
  expect(heardOf({}, 'de-DE', undefined)).toEqual({ text: '', words: [], language: 'de-DE', seconds: undefined });
  expect(usageOf({})).toBeUndefined();
  expect(usageOf({ totalBilledTime: 'long' })).toBeUndefined();
});

it('breaks subtitles at sentences, and long ones after six seconds or eighty letters', () => {
  const texts = cuesOf([word('One.', 0), word('two', 1), word('three', 7), word('four', 8)]).map(({ text }) => text);
  expect(texts).toEqual(['One.', 'two', 'three four']);
  const long = Array.from({ length: 12 }, (_, index) => word('tenletters', index * 0.4, index * 0.4 + 0.3));
  expect(cuesOf(long).every(({ text }) => text.length <= 80)).toBe(true);
  expect(cuesOf(long)).toHaveLength(2);
});

it('gives words and segments as they were asked for', () => {
  const heard = heardOf(answer, 'en-US', 2.5);
  const both = { 'timestamp_granularities[]': ['word', 'segment'] };
  expect(render('verbose_json', heard, request(both), usageOf(answer))).toEqual({
    task: 'transcribe',
    language: 'en-us',
    duration: 2.5,
    text: 'Hello there. Bye',
    words: heard.words,
    segments: [
      { id: 0, start: 0, end: 1.1, text: 'Hello there.' },
      { id: 1, start: 2, end: 2.4, text: 'Bye' },
    ],
    usage: { type: 'duration', seconds: 3 },
  });
  const plain = render('verbose_json', heard, request(), undefined);
  expect(plain).not.toHaveProperty('words');
  expect(plain).not.toHaveProperty('usage');
});
