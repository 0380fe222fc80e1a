import { tagBytes } from './id3.js';

/** kbit/s of MPEG-1 and of MPEG-2 and 2.5, layers II and III (ISO 11172-3, 2.4.2.3; ISO 13818-3, 2.4.2.3). */
const LAYER_3 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const LAYER_2 = [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
const HALVED = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const RATES = [44_100, 48_000, 32_000];
/** By the version's two bits; 1 is reserved. */
const RATE_DIVISORS: Readonly<Record<number, number>> = { 0: 4, 2: 2, 3: 1 };
/** 8 kbit/s, the least there is. */
const LEAST_BYTES_PER_SECOND = 1_000;

interface Frame {
  bytes: number;
  seconds: number;
}

function frameAt(file: Buffer, at: number): Frame | undefined {
  if (at + 4 > file.length) return undefined;
  const head = file.readUInt32BE(at);
  if (head >>> 21 !== 0x7ff) return undefined;
  const version = (head >>> 19) & 3;
  const layer = 4 - ((head >>> 17) & 3);
  const divisor = RATE_DIVISORS[version];
  const rate = RATES[(head >>> 10) & 3];
  if (divisor === undefined || rate === undefined || (layer !== 2 && layer !== 3)) return undefined;
  const table = divisor > 1 ? HALVED : layer === 3 ? LAYER_3 : LAYER_2;
  const bitRate = table[(head >>> 12) & 15];
  if (!bitRate) return undefined;
  const hertz = rate / divisor;
  const samples = layer === 3 && divisor > 1 ? 576 : 1_152;
  const bytes = Math.floor(((samples / 8) * bitRate * 1_000) / hertz) + ((head >>> 9) & 1);
  return { bytes, seconds: samples / hertz };
}

/** Of MP3: the time of every frame, one after the other. What is no frame counts as the slowest of them. */
export function mp3Seconds(file: Buffer): number | undefined {
  const start = tagBytes(file);
  if (!frameAt(file, start)) return undefined;
  let seconds = 0;
  let strayBytes = 0;
  for (let at = start; at < file.length;) {
    const frame = frameAt(file, at);
    const next = frame ? at + frame.bytes : file.indexOf(0xff, at + 1);
    seconds += frame?.seconds ?? 0;
    if (!frame) strayBytes += (next < 0 ? file.length : next) - at;
    at = next < 0 ? file.length : next;
  }
  return seconds + strayBytes / LEAST_BYTES_PER_SECOND;
}
