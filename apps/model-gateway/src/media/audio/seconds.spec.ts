import { mp3Frame, opus, silentFlac, tagged, wav } from './recordings.fixture.js';
import { secondsAtMost } from './seconds.js';

const frames = (count: number, kbits: 32 | 128 | 320) => Array.from({ length: count }, () => mp3Frame(kbits));
/** 1,152 samples at 44.1 kHz. */
const FRAME = 1_152 / 44_100;

/** Bounds are in quarters of a minute, with a second to spare. */
const nextQuarter = (seconds: number) => Math.ceil((seconds + 1) / 15) * 15;

it.each([
  ['a WAV', wav(100), 100],
  ['a WAV that says it is ten times faster', wav(100, { byteRate: 320_000 }), 100],
  ['a WAV that says it is slower than its samples', wav(100, { byteRate: 8_000 }), 400],
  ['a WAV that says it has no data', wav(100, { dataBytes: 0 }), 100],
  ['an MP3', Buffer.concat(frames(4_000, 128)), 4_000 * FRAME],
  ['an MP3 with a large first frame', Buffer.concat([mp3Frame(320), ...frames(4_000, 32)]), 4_001 * FRAME],
  ['an MP3 with a cover', tagged(Buffer.concat(frames(4_000, 128)), 500_000), 4_000 * FRAME],
  ['an MP3 that is cut off', Buffer.concat(frames(4_000, 128)).subarray(0, 400_000), (400_000 / 417) * FRAME],
  ['Opus in Ogg', opus(100), 100],
  ['Opus in Ogg that says it is at its end', opus(100, { granule: 48_000n }), 100],
  ['Opus in Ogg of hardly any bytes', opus(100, { packetBytes: 2 }), 100],
  ['Opus in Ogg without its end', opus(100).subarray(0, 150_000), 48],
  ['silence in FLAC that says it has no samples', silentFlac(400), (400 * 4_096) / 16_000],
])('measures %s', (_, file, seconds) => {
  const bound = secondsAtMost(file);
  expect(bound).toBeGreaterThanOrEqual(seconds);
  expect(bound).toBeLessThanOrEqual(nextQuarter(seconds) + 15);
});

it('counts a page that hides in another one, since decoders skip what is damaged', () => {
  const inner = opus(100, { packetBytes: 2 });
  const outer = Buffer.alloc(28);
  outer.write('OggS');
  outer.writeUInt8(1, 26);
  outer.writeUInt8(inner.length % 255, 27);
  expect(secondsAtMost(Buffer.concat([opus(1), outer, inner]))).toBeGreaterThanOrEqual(101);
});

it.each([
  ['nothing that it knows', Buffer.alloc(60_000)],
  ['a compressed WAV', Buffer.from(wav(30).map((byte, at) => (at === 20 ? 2 : byte))).subarray(0, 60_000)],
  [
    'a WAV with two formats',
    Buffer.concat([wav(1).subarray(0, 36), wav(1).subarray(12, 36), Buffer.alloc(60_000 - 60)]),
  ],
  ['another codec in Ogg', Buffer.concat([Buffer.from(opus(1).subarray(0, 28)), Buffer.alloc(60_000 - 28)])],
])('takes %s for the slowest speech', (_, file) => {
  expect(secondsAtMost(file)).toBe(nextQuarter((file.length * 8) / 6_000));
});

it('does not go through pages that lie within each other a hundred thousand times', () => {
  const nested = Buffer.concat([opus(1), Buffer.from('OggS\u0000\u0000'.repeat(100_000), 'latin1')]);
  for (let at = opus(1).length + 26; at < nested.length; at += 6) if (nested[at] === 0) nested[at] = 0xff;
  expect(() => secondsAtMost(nested)).toThrow(/damaged Ogg/);
});
