import { AAC_RATES } from './aac.js';
import type { Box } from './mp4-boxes.js';

const ES = 3;
const DECODER_CONFIG = 4;
const SPECIFIC_INFO = 5;
/** MPEG-4 audio, and AAC of MPEG-2 in its three profiles. */
const AAC_OBJECTS = new Set([0x40, 0x66, 0x67, 0x68]);
/** Low complexity, with spectral band replication, with parametric stereo; before them main, SSR and long term prediction. */
const AAC_TYPES = new Set([1, 2, 3, 4, 5, 29]);
const EXPLICIT_RATE = 15;
const MOST_RATE = 96_000;

/** Hertz of the frames of an entry of `stsd`; undefined when it is no plain AAC. */
export function aacRate({ type, body }: Box): number | undefined {
  if (type !== 'mp4a') return undefined;
  const at = body.indexOf('esds');
  // Which of several counts nobody knows.
  if (at < 0 || body.indexOf('esds', at + 4) >= 0) return undefined;
  const config = specificConfig(body.subarray(at + 8));
  const rate = config && configRate(config);
  if (rate === undefined || rate <= 0 || rate > MOST_RATE) return undefined;
  // Some decoders go by what the entry says; there it may be that of the replicated bands, too.
  const told = body.length >= 26 ? body.readUInt16BE(24) : 0;
  return told > 0 ? Math.min(rate, told) : rate;
}

/** A descriptor of ISO 14496-1 (8.3.3): a tag, and how long it is in groups of seven bits. */
function descriptor(bytes: Buffer, tag: number): Buffer | undefined {
  if (bytes[0] !== tag) return undefined;
  let size = 0;
  for (let at = 1; at < Math.min(5, bytes.length); at++) {
    const byte = bytes.readUInt8(at);
    size = size * 128 + (byte & 0x7f);
    if (byte < 0x80) return bytes.subarray(at + 1, at + 1 + size);
  }
  return undefined;
}

function specificConfig(bytes: Buffer): Buffer | undefined {
  const stream = descriptor(bytes, ES);
  // With flags it has further fields, which files never have.
  if (!stream || stream.length < 3 || (stream.readUInt8(2) & 0xe0) !== 0) return undefined;
  const decoder = descriptor(stream.subarray(3), DECODER_CONFIG);
  if (!decoder || decoder.length < 13 || !AAC_OBJECTS.has(decoder.readUInt8(0))) return undefined;
  return descriptor(decoder.subarray(13), SPECIFIC_INFO);
}

/** Of an AudioSpecificConfig: the rate of the frames themselves, also where bands are replicated (ISO 14496-3, 1.6.2.1). */
function configRate(config: Buffer): number | undefined {
  if (config.length < 2) return undefined;
  const head = config.readUInt16BE(0);
  if (!AAC_TYPES.has(head >> 11)) return undefined;
  const index = (head >> 7) & 15;
  if (index !== EXPLICIT_RATE) return AAC_RATES[index];
  return config.length < 5 ? undefined : (config.readUIntBE(1, 4) >>> 7) & 0xffffff;
}
