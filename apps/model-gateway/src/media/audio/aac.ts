import { tagBytes } from './id3.js';

/** Hertz, by the four bits of ADTS and of an AudioSpecificConfig (ISO 14496-3, 1.6.3.4). */
export const AAC_RATES = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];
/** At most: there are frames of 960, too. Spectral band replication adds samples and their rate alike. */
export const AAC_FRAME_SAMPLES = 1_024;

const HEAD = 7;

/**
 * Of AAC in ADTS: the time of whatever has a frame's header, found byte by byte. Some twentieth of it is no frame, but no
 * decoder plays a frame that is not among it, wherever it looks for the next one after a damaged one.
 */
export function adtsSeconds(file: Buffer): number | undefined {
  const start = tagBytes(file);
  if (frameSeconds(file, start) === undefined) return undefined;
  let seconds = 0;
  // Looking for the byte with `indexOf` takes seconds where there are many.
  for (let at = start; at < file.length; at++)
    if (file[at] === 0xff && isHead(file[at + 1])) seconds += frameSeconds(file, at) ?? 0;
  return seconds;
}

/** The end of the sync word, and a layer that there is none of in MP3. */
const isHead = (second = 0): boolean => (second & 0xf6) === 0xf0;

function frameSeconds(file: Buffer, at: number): number | undefined {
  if (at + HEAD > file.length || file[at] !== 0xff || !isHead(file[at + 1])) return undefined;
  const rate = AAC_RATES[(file.readUInt8(at + 2) >> 2) & 15];
  const bytes = (file.readUIntBE(at + 3, 3) >> 5) & 0x1fff;
  const blocks = (file.readUInt8(at + 6) & 3) + 1;
  return rate === undefined || bytes < HEAD ? undefined : (blocks * AAC_FRAME_SAMPLES) / rate;
}
