import { ProviderError, type TranscriptionRequest } from '@purser/plugin-sdk';

/** What Google has to be told of a recording. */
export interface Recording {
  bytes: Buffer;
  /** Left out where the file's own header says it. */
  encoding?: 'OGG_OPUS' | 'WEBM_OPUS' | 'MP3' | 'AMR' | 'AMR_WB';
  sampleRateHertz?: number;
  audioChannelCount?: number;
  /** Its length, where it can be told without decoding. */
  seconds?: number;
}

type Format = 'wav' | 'flac' | 'ogg' | 'webm' | 'mp3' | 'amr' | 'amr-wb';

const types: Readonly<Record<string, Format>> = {
  'audio/wav': 'wav',
  'audio/x-wav': 'wav',
  'audio/wave': 'wav',
  'audio/vnd.wave': 'wav',
  'audio/flac': 'flac',
  'audio/x-flac': 'flac',
  'audio/ogg': 'ogg',
  'audio/opus': 'ogg',
  'application/ogg': 'ogg',
  'audio/webm': 'webm',
  'video/webm': 'webm',
  'audio/mpeg': 'mp3',
  'audio/mp3': 'mp3',
  'audio/mpga': 'mp3',
  'audio/amr': 'amr',
  'audio/amr-wb': 'amr-wb',
};
const extensions: Readonly<Record<string, Format>> = {
  wav: 'wav',
  flac: 'flac',
  ogg: 'ogg',
  oga: 'ogg',
  opus: 'ogg',
  webm: 'webm',
  mp3: 'mp3',
  mpga: 'mp3',
  amr: 'amr',
  awb: 'amr-wb',
};

const refuse = (message: string) => new ProviderError('invalid_request', message, { mayBill: false });

function wav(bytes: Buffer): Partial<Recording> {
  const bytesPerSecond = bytes.length >= 44 && bytes.toString('latin1', 0, 4) === 'RIFF' ? bytes.readUInt32LE(28) : 0;
  return bytesPerSecond > 0 ? { seconds: (bytes.length - 44) / bytesPerSecond } : {};
}

/** STREAMINFO: 20 bits of rate, 8 of channels and sample size, 36 of samples in all (0 when the encoder did not know). */
function flac(bytes: Buffer): Partial<Recording> {
  if (bytes.length < 26 || bytes.toString('latin1', 0, 4) !== 'fLaC') return {};
  const packed = bytes.readBigUInt64BE(18);
  const [rate, samples] = [Number(packed >> 44n), Number(packed & 0xf_ffff_ffffn)];
  return rate > 0 && samples > 0 ? { seconds: samples / rate } : {};
}

const opusRates = [8000, 12_000, 16_000, 24_000, 48_000];

/** Opus counts its samples at 48 kHz, whatever was recorded; the last page says how many there are. */
function ogg(bytes: Buffer): Partial<Recording> {
  if (bytes.length < 47 || bytes.toString('latin1', 28, 36) !== 'OpusHead')
    throw refuse('Google takes Ogg files with Opus alone, not with Vorbis');
  const recorded = bytes.readUInt32LE(40);
  const last = bytes.lastIndexOf('OggS');
  const samples = last + 14 <= bytes.length ? Number(bytes.readBigInt64LE(last + 6)) - bytes.readUInt16LE(38) : 0;
  return {
    encoding: 'OGG_OPUS',
    sampleRateHertz: opusRates.includes(recorded) ? recorded : 48_000,
    audioChannelCount: bytes.readUInt8(37),
    ...(samples > 0 ? { seconds: samples / 48_000 } : {}),
  };
}

const mp3Rates: Readonly<Record<number, readonly number[]>> = {
  0: [11_025, 12_000, 8000],
  2: [22_050, 24_000, 16_000],
  3: [44_100, 48_000, 32_000],
};

/** The rate in the first frame's header, which stands behind the tags. */
function mp3(bytes: Buffer): Partial<Recording> {
  const tagged = bytes.length > 10 && bytes.toString('latin1', 0, 3) === 'ID3';
  const size = tagged ? [6, 7, 8, 9].reduce((sum, at) => sum * 128 + (bytes.readUInt8(at) & 0x7f), 0) + 10 : 0;
  for (let at = size; at + 3 < bytes.length; at += 1) {
    if (bytes.readUInt8(at) !== 0xff || (bytes.readUInt8(at + 1) & 0xe0) !== 0xe0) continue;
    const rate = mp3Rates[(bytes.readUInt8(at + 1) >> 3) & 3]?.[(bytes.readUInt8(at + 2) >> 2) & 3];
    if (rate !== undefined) return { encoding: 'MP3', sampleRateHertz: rate };
  }
  throw refuse('this is no MP3 file: it has no frame');
}

const readers: Readonly<Record<Format, (bytes: Buffer) => Partial<Recording>>> = {
  wav,
  flac,
  ogg,
  // What browsers record; they always write Opus at 48 kHz.
  webm: () => ({ encoding: 'WEBM_OPUS', sampleRateHertz: 48_000 }),
  mp3,
  amr: () => ({ encoding: 'AMR', sampleRateHertz: 8000 }),
  'amr-wb': () => ({ encoding: 'AMR_WB', sampleRateHertz: 16_000 }),
};

/** By its content type, else by its name. */
export function readRecording({ audio, contentType, fileName }: TranscriptionRequest): Recording {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  const format = types[type] ?? extensions[/\.([^.]+)$/.exec(fileName)?.[1]?.toLowerCase() ?? ''];
  if (!format)
    throw refuse(`Google takes WAV, FLAC, Ogg Opus, WebM Opus, MP3 and AMR, not "${contentType}" (${fileName})`);
  const bytes = Buffer.concat(audio);
  return { bytes, ...readers[format](bytes) };
}
