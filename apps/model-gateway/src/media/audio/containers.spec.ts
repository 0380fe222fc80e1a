import { PurserError } from '@purser/contracts';
import fc from 'fast-check';
import { adts, box, element, lace, type Lacing, m4a, opusPacket, webm } from './containers.fixture.js';
import { secondsAtMost } from './seconds.js';

/** Of 1,024 samples at 16 kHz. */
const FRAME = 1_024 / 16_000;
const OPUS = 0.02;
const seconds = (count: number) => Array.from({ length: count * 50 }, () => lace([opusPacket()], 'none'));
/** Bounds are in quarters of a minute, with a second to spare. */
const nextQuarter = (length: number) => Math.ceil((length + 1) / 15) * 15;
const slowest = (file: Buffer) => nextQuarter((file.length * 8) / 6_000);

const vorbisSetup = () => {
  const head = Buffer.alloc(30);
  head.write('\x01vorbis', 'latin1');
  head.writeUInt32LE(48_000, 12);
  head.writeUInt8(0xb8, 28);
  return element(0x63a2, Buffer.concat([Buffer.from([2, 30, 0]), head]));
};

it.each([
  ['AAC in ADTS', adts(2_000), 2_000 * FRAME],
  ['AAC in ADTS at 44.1 kHz', adts(2_000, { rate: 4 }), (2_000 * 1_024) / 44_100],
  ['AAC in ADTS with four blocks a frame', adts(500, { blocks: 4 }), 2_000 * FRAME],
  ['AAC in ADTS of hardly any bytes', adts(5_000, { frameBytes: 10 }), 5_000 * FRAME],
  ['AAC in ADTS behind garbage', Buffer.concat([adts(1), Buffer.alloc(5_000), adts(2_000)]), 2_001 * FRAME],
  [
    'AAC in ADTS within a frame',
    Buffer.concat([adts(1, { frameBytes: 8_000 }).subarray(0, 7), adts(2_000)]),
    2_001 * FRAME,
  ],
  ['M4A', m4a({ samples: 2_000 }), 2_000 * FRAME],
  ['M4A that says it is long', m4a({ samples: 2_000, duration: 900_000 }), 2_000 * FRAME],
  ['M4A with replicated bands', m4a({ samples: 2_000, type: 5, told: 32_000 }), 2_000 * FRAME],
  ['M4A whose entry says it is slower', m4a({ samples: 2_000, rate: 4, told: 16_000 }), 2_000 * FRAME],
  ['M4A whose entry says it is faster', m4a({ samples: 2_000, told: 48_000 }), 2_000 * FRAME],
  ['M4A with one edit', m4a({ samples: 2_000, edits: [[1, 1_024]] }), 2_000 * FRAME],
  [
    'M4A that plays three times',
    m4a({
      samples: 1_000,
      edits: [
        [1, 0],
        [1, 0],
        [1, 9],
      ],
    }),
    3_000 * FRAME,
  ],
  [
    'M4A that waits',
    m4a({
      samples: 1_000,
      edits: [
        [60_000, 0xffffffff],
        [1, 0],
      ],
    }),
    1_000 * FRAME + 60,
  ],
  ['M4A in fragments', m4a({ fragments: [500, 700, 800] }), 2_000 * FRAME],
  ['MP4 with a picture', m4a({ samples: 1_000, fragments: [1_000], video: true }), 2_000 * FRAME],
  ['Opus in WebM', webm({ blocks: seconds(100) }), 100],
  ['Opus in WebM that says it is long', webm({ blocks: seconds(100), duration: 9e9 }), 100],
  ['Opus in WebM of known sizes', webm({ blocks: seconds(100), live: false }), 100],
  ['Opus in WebM that was cut off', webm({ blocks: seconds(100) }).subarray(0, -30), 100],
  [
    'Opus in WebM of hardly any bytes',
    webm({ blocks: Array.from({ length: 5_000 }, () => lace([opusPacket(1)], 'none')) }),
    100,
  ],
  ['Vorbis in WebM', webm({ codec: 'A_VORBIS', more: [vorbisSetup()], blocks: seconds(20) }), (1_000 * 2_048) / 48_000],
])('measures %s', (_, file, length) => {
  const bound = secondsAtMost(file);
  expect(bound).toBeGreaterThanOrEqual(length);
  expect(bound).toBeLessThanOrEqual(nextQuarter(length) + 15);
});

it('goes on behind what is damaged', () => {
  const whole = webm({ blocks: seconds(60), live: false });
  const second = whole.indexOf(Buffer.from([0x1f, 0x43, 0xb6, 0x75]), 200);
  // What claims to be longer than the file, and what is no element at all.
  for (const stray of [element(0xec, Buffer.alloc(3), Buffer.from([0x10, 0xff, 0xff, 0xff])), Buffer.alloc(50)]) {
    const file = Buffer.concat([whole.subarray(0, second), stray, whole.subarray(second)]);
    expect(secondsAtMost(file)).toBeGreaterThanOrEqual(60);
  }
});

const video = box('avc1', Buffer.alloc(78));
it.each([
  ['another codec in MP4', m4a({ samples: 9, object: 0x6b })],
  ['another kind of AAC in MP4', m4a({ samples: 9, type: 23 })],
  ['an MP4 at a rate that there is not', m4a({ samples: 9, rate: 14 })],
  [
    'an MP4 without sound',
    Buffer.concat([m4a({ samples: 9 }).subarray(0, 20), box('moov', video), Buffer.alloc(60_000)]),
  ],
  ['another codec in WebM', webm({ codec: 'A_AAC', blocks: seconds(20) })],
  ['packed blocks in WebM', webm({ more: [element(0x6d80, Buffer.alloc(4))], blocks: seconds(20) })],
  ['two codecs of one track in WebM', webm({ more: [element(0x86, Buffer.from('A_AAC'))], blocks: seconds(20) })],
  ['a WebM without sound', webm({ codec: 'V_VP8', more: [element(0x83, Buffer.from([1]))], blocks: seconds(20) })],
])('takes %s for the slowest speech', (_, file) => {
  expect(secondsAtMost(file)).toBe(slowest(file));
});

it('counts every packet of a lace, also when its sizes contradict each other', () => {
  const lacing = fc.constantFrom<Lacing>('xiph', 'ebml', 'fixed');
  const block = fc.tuple(
    lacing,
    fc.array(fc.integer({ min: 2, max: 600 }), { minLength: 1, maxLength: 20 }),
    fc.boolean(),
  );
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 30 }), (blocks) => {
      const packets = blocks.reduce((sum, [, sizes]) => sum + sizes.length, 0);
      const file = webm({
        blocks: blocks.map(([how, sizes, damaged]) => {
          const laced = lace(
            sizes.map((size) => opusPacket(how === 'fixed' ? 50 : size)),
            how,
          );
          return damaged ? laced.subarray(0, Math.max(6, laced.length - 20)) : laced;
        }),
      });
      expect(secondsAtMost(file)).toBeGreaterThanOrEqual(packets * OPUS);
    }),
    { numRuns: 100 },
  );
});

describe('whatever is changed in a file', () => {
  const files = [
    adts(200),
    m4a({ samples: 200, fragments: [3], bytes: 500, edits: [[1, 0]] }),
    webm({ blocks: seconds(5) }),
  ];
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const change = fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 8 }));

  it('it has a length, or is refused', () => {
    fc.assert(
      fc.property(fc.constantFrom(...files), fc.array(change, { maxLength: 10 }), place, (file, changes, end) => {
        const changed = Buffer.from(file.subarray(0, Math.ceil(file.length * (1 - end / 2))));
        for (const [at, what] of changes)
          changed.set(what.subarray(0, 8), Math.floor(at * Math.max(0, changed.length - 8)));
        let bound: number;
        try {
          bound = secondsAtMost(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(PurserError);
          return;
        }
        expect(Number.isFinite(bound) && bound >= 15).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('what stands in place of the durations changes nothing', () => {
    const blocks = seconds(5);
    const [sound, spoken] = [m4a({ samples: 2_000 }), webm({ blocks })].map(secondsAtMost);
    fc.assert(
      fc.property(fc.nat(0xffffffff), (duration) => {
        expect(secondsAtMost(m4a({ samples: 2_000, duration }))).toBe(sound);
        expect(secondsAtMost(webm({ blocks, duration }))).toBe(spoken);
      }),
      { numRuns: 50 },
    );
  });
});

it('does not go through millions of elements or boxes', () => {
  const [empty, free] = [Buffer.from([0xec, 0x80]), box('free')];
  expect(() => secondsAtMost(Buffer.concat([webm({}), Buffer.alloc(2_000_000, empty)]))).toThrow(/damaged WebM/);
  expect(() => secondsAtMost(Buffer.concat([m4a({}), Buffer.alloc(2_000_000, free)]))).toThrow(/damaged MP4/);
});
