import { adtsSeconds } from './aac.js';
import { flacSeconds } from './flac.js';
import { mp3Seconds } from './mp3.js';
import { mp4Seconds } from './mp4.js';
import { oggSeconds } from './ogg.js';
import { wavSeconds } from './wav.js';
import { webmSeconds } from './webm.js';

/** The least at which Opus, the thriftiest codec that services take, is meant to be used (RFC 6716, section 2.1.1). */
const LEAST_BITS_PER_SECOND = 6_000;
/** Some services bill by the begun quarter of a minute. */
const BILLED_BY = 15;

/**
 * How long a recording can be at most, in seconds. What a file says of its own length is never believed: whoever sends it
 * chose it, and a decoder, which is what the bill follows, does not look at it. So lengths come from what is decoded:
 * samples, frames, packets. A file that is none of the kinds known here counts at the least bit rate that speech has.
 */
export function secondsAtMost(file: Buffer): number {
  const seconds =
    wavSeconds(file) ??
    flacSeconds(file) ??
    oggSeconds(file) ??
    webmSeconds(file) ??
    mp4Seconds(file) ??
    mp3Seconds(file) ??
    adtsSeconds(file) ??
    (file.length * 8) / LEAST_BITS_PER_SECOND;
  return Math.ceil((seconds + 1) / BILLED_BY) * BILLED_BY;
}
