import { PurserError } from '@purser/contracts';
import { AAC_FRAME_SAMPLES } from './aac.js';
import { aacRate } from './mp4-aac.js';
import { type Box, boxesOf, isLong, uint32 } from './mp4-boxes.js';

const CONTAINERS = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl', 'edts', 'udta', 'moof', 'traf', 'mvex']);
const DEEPEST = 12;

interface Track {
  id: number;
  handler: string;
  /** What its samples are, as far as it says. */
  entries: Box[];
  samples: number;
  /** How often its samples are played. */
  plays: number;
  /** Of an edit list that holds its sound up, in units of the movie. */
  pauses: number;
}

/** More than a recording has in fragments of a tenth of a second. */
const MOST_BOXES = 200_000;

/** What a file's boxes say, wherever they stand. */
interface Movie {
  boxes: number;
  unitsPerSecond: number;
  tracks: Track[];
  /** Of fragments, by the track that they name. */
  fragments: Map<number, number>;
}

const newTrack = (): Track => ({ id: 0, handler: '', entries: [], samples: 0, plays: 0, pauses: 0 });

/**
 * Of AAC in MP4 (M4A): all samples that its tables give a decoder, each of them a frame, as often as edits play them. The
 * durations that it tells are not read. Undefined for anything else in an MP4.
 */
export function mp4Seconds(file: Buffer): number | undefined {
  if (file.length < 12 || file.toString('latin1', 4, 8) !== 'ftyp') return undefined;
  const movie: Movie = { boxes: 0, unitsPerSecond: Infinity, tracks: [], fragments: new Map() };
  look(file, movie, undefined, 0);
  const silent = movie.tracks.filter((track) => !hasSound(track));
  const audible = movie.tracks.filter(hasSound);
  if (audible.length === 0) return undefined;
  let seconds = 0;
  let slowest = Infinity;
  for (const { entries, samples, plays, pauses } of audible) {
    const rates = entries.map(aacRate);
    if (rates.length === 0 || rates.includes(undefined)) return undefined;
    const rate = Math.min(...(rates as number[]));
    slowest = Math.min(slowest, rate);
    seconds += (samples * Math.max(1, plays) * AAC_FRAME_SAMPLES) / rate + pauses / movie.unitsPerSecond;
  }
  // Whichever track a fragment names, unless that one has no sound.
  for (const { id } of silent) if (!audible.some((track) => track.id === id)) movie.fragments.delete(id);
  for (const samples of movie.fragments.values()) seconds += (samples * AAC_FRAME_SAMPLES) / slowest;
  return seconds;
}

/** By what it says it is, or by what it holds: decoders go by the one or the other. */
const hasSound = ({ handler, entries }: Track): boolean =>
  handler === 'soun' || entries.some(({ type }) => type === 'mp4a');

function look(bytes: Buffer, movie: Movie, track: Track | undefined, depth: number): void {
  let fragmentOf = 0;
  for (const box of boxesOf(bytes)) {
    const { type, body } = box;
    // Made to keep us busy.
    if (++movie.boxes > MOST_BOXES)
      throw new PurserError('invalid_request', {
        message: 'the recording is a damaged MP4 file',
        details: { param: 'file' },
      });
    if (type === 'trak') movie.tracks.push(newTrack());
    const own = type === 'trak' ? movie.tracks.at(-1) : track;
    if (CONTAINERS.has(type) && depth < DEEPEST) look(body, movie, own, depth + 1);
    else if (type === 'mvhd')
      movie.unitsPerSecond = Math.max(1, Math.min(movie.unitsPerSecond, uint32(body, isLong(body) ? 20 : 12)));
    else if (type === 'tfhd') fragmentOf = uint32(body, 4);
    else if (type === 'trun') movie.fragments.set(fragmentOf, (movie.fragments.get(fragmentOf) ?? 0) + uint32(body, 4));
    else if (own) lookAtTrack(box, own);
  }
}

function lookAtTrack({ type, body }: Box, track: Track): void {
  if (type === 'tkhd') track.id = uint32(body, isLong(body) ? 20 : 12);
  else if (type === 'hdlr') track.handler = body.toString('latin1', 8, 12);
  else if (type === 'stsd') track.entries.push(...boxesOf(body.subarray(8)));
  else if (type === 'stsz' || type === 'stz2') track.samples += uint32(body, 8);
  else if (type === 'elst') lookAtEdits(body, track);
}

/** Each edit plays the sound at most once; one that plays nothing of it holds it up for as long as it says. */
function lookAtEdits(body: Buffer, track: Track): void {
  const [step, number] = isLong(body) ? [20, 8] : [12, 4];
  for (let at = 8; at + step <= body.length; at += step) {
    const [duration, from] = [0, number].map((field) => body.readUIntBE(at + field + number - 4, 4));
    const high = number === 8 ? body.readUInt32BE(at) : 0;
    const isEmpty = from === 0xffffffff || body.readUInt16BE(at + 2 * number) === 0;
    if (isEmpty) track.pauses += high * 2 ** 32 + (duration ?? 0);
    else track.plays += 1;
  }
}
