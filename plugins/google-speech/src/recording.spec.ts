import { languageCode } from './language.js';
import { readRecording } from './recording.js';

const read = (bytes: Buffer, contentType: string, fileName = 'speech') =>
  readRecording({ model: 'm', audio: [bytes.subarray(0, 7), bytes.subarray(7)], contentType, fileName, fields: {} });

function wav(seconds: number): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF');
  header.writeUInt32LE(16_000, 28);
  return Buffer.concat([header, Buffer.alloc(seconds * 16_000)]);
}

function flac(seconds: number): Buffer {
  const header = Buffer.alloc(42);
  header.write('fLaC');
  header.writeBigUInt64BE((16_000n << 44n) | BigInt(seconds * 16_000), 18);
  return header;
}

function ogg(recorded: number, seconds: number): Buffer {
  const first = Buffer.alloc(47);
  first.write('OggS');
  first.write('OpusHead', 28);
  first.writeUInt8(2, 37);
  first.writeUInt16LE(312, 38);
  first.writeUInt32LE(recorded, 40);
  const last = Buffer.alloc(100);
  last.write('OggS');
  last.writeBigInt64LE(BigInt(seconds * 48_000 + 312), 6);
  return Buffer.concat([first, Buffer.alloc(200), last]);
}

/** MPEG-2, layer III, 24 kHz, behind a tag that looks like a frame. */
const mp3 = Buffer.from([0x49, 0x44, 0x33, 3, 0, 0, 0, 0, 0, 4, 0xff, 0xfb, 0x90, 0, 0xff, 0xf3, 0x84, 0xc4]);

it.each([
  ['WAV', wav(3), 'audio/wav', { seconds: 3 }],
  ['FLAC', flac(90), 'audio/x-flac', { seconds: 90 }],
  ['FLAC of unknown length', flac(0), 'audio/flac', {}],
  [
    'Ogg',
    ogg(16_000, 2),
    'audio/ogg; codecs=opus',
    { encoding: 'OGG_OPUS', sampleRateHertz: 16_000, audioChannelCount: 2, seconds: 2 },
  ],
  ['Ogg of CD sound', ogg(44_100, 2), 'Audio/OGG', { encoding: 'OGG_OPUS', sampleRateHertz: 48_000, seconds: 2 }],
  ['WebM', Buffer.alloc(50), 'video/webm', { encoding: 'WEBM_OPUS', sampleRateHertz: 48_000 }],
  ['MP3', mp3, 'audio/mpeg', { encoding: 'MP3', sampleRateHertz: 24_000 }],
])('reads what has to be said of %s', (_name, bytes, type, expected) => {
  const { bytes: whole, ...rest } = read(bytes, type);
  expect(whole.equals(bytes)).toBe(true);
  expect(rest).toMatchObject(expected);
  if (!('seconds' in expected)) expect(rest).not.toHaveProperty('seconds');
});

it('goes by the name when the type says nothing', () => {
  expect(read(mp3, 'application/octet-stream', 'Voice.MP3')).toMatchObject({ encoding: 'MP3' });
});

it.each([
  [Buffer.alloc(60), 'audio/ogg', 'speech', 'Opus alone'],
  [Buffer.alloc(60), 'audio/mp4', 'speech.m4a', 'not "audio/mp4" (speech.m4a)'],
  [Buffer.alloc(60), 'audio/mpeg', 'speech', 'no MP3 file'],
])('refuses what Google has not got: %#', (bytes, type, name, message) => {
  expect(() => read(bytes, type, name)).toThrow(message);
});

it.each([
  ['en', 'en-US'],
  ['en-GB', 'en-GB'],
  ['de', 'de-DE'],
  ['pt', 'pt-BR'],
  ['ja', 'ja-JP'],
  ['zh', 'cmn-Hans-CN'],
  ['zh-TW', 'cmn-Hant-TW'],
  ['sr-Latn-RS', 'sr-Latn-RS'],
])('takes the language %s for %s', (language, code) => {
  expect(languageCode(language)).toBe(code);
});

it.each(['english', '?', 'e'])('refuses the language %j', (language) => {
  expect(() => languageCode(language)).toThrow('is not the code of a language');
});
