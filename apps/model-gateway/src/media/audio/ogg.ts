import { PurserError } from '@purser/contracts';
import { isOpusHead, opusSeconds, vorbisPacketSeconds } from './packets.js';

const PAGE = Buffer.from('OggS');
const PAGE_HEAD = 27;
const BEGINS_STREAM = 2;
const CONTINUES = 1;

interface Codecs {
  opus: boolean;
  /** Seconds of the longest packet; 0 without Vorbis. */
  vorbisPacket: number;
}

/**
 * Of Opus and Vorbis in Ogg: the time of every packet that begins in anything that looks like a page. Positions that pages
 * tell are not read, and a page within another one counts too: a decoder that finds the outer one damaged plays it.
 */
export function oggSeconds(file: Buffer): number | undefined {
  if (!file.subarray(0, 4).equals(PAGE)) return undefined;
  const codecs = codecsOf(file);
  if (!codecs) return undefined;
  let seconds = 0;
  let segments = 0;
  for (let at = 0; at >= 0; at = file.indexOf(PAGE, at + 4)) {
    for (const packet of packetsOf(file, at))
      seconds += Math.max(codecs.opus ? opusSeconds(packet) : 0, codecs.vorbisPacket);
    segments += file[at + 26] ?? 0;
    // Pages that lie within each other many times over are made to keep us busy.
    if (segments > file.length)
      throw new PurserError('invalid_request', {
        message: 'the recording is a damaged Ogg file',
        details: { param: 'file' },
      });
  }
  return seconds;
}

/** Undefined when a stream holds anything else. */
function codecsOf(file: Buffer): Codecs | undefined {
  let opus = false;
  let vorbisPacket = 0;
  for (let at = 0; at >= 0; at = file.indexOf(PAGE, at + 4)) {
    if (((file[at + 5] ?? 0) & BEGINS_STREAM) === 0) continue;
    const from = at + PAGE_HEAD + (file[at + 26] ?? 0);
    const head = file.subarray(from, from + 30);
    const vorbis = vorbisPacketSeconds(head);
    if (isOpusHead(head)) opus = true;
    else if (vorbis !== undefined) vorbisPacket = Math.max(vorbisPacket, vorbis);
    else return undefined;
  }
  return opus || vorbisPacket > 0 ? { opus, vorbisPacket } : undefined;
}

/** The packets that begin in a page, as far as they are in it. */
function* packetsOf(file: Buffer, at: number): Generator<Buffer> {
  const segments = file[at + 26] ?? 0;
  let from = at + PAGE_HEAD + segments;
  let to = from;
  let continued = ((file[at + 5] ?? 0) & CONTINUES) !== 0;
  for (let segment = 0; segment < segments; segment++) {
    const size = file[at + PAGE_HEAD + segment] ?? 0;
    to += size;
    if (size === 255 && segment < segments - 1) continue;
    if (!continued && to > from) yield file.subarray(from, to);
    continued = false;
    from = to;
  }
}
