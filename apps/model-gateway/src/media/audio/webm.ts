import { opusSeconds, opusSecondsAt, vorbisPacketSeconds } from './packets.js';
import { childrenOf, type Element, ID, variableNumber, visitElements } from './webm-elements.js';

const AUDIO = 2;
/** RFC 6716, section 3.2. */
const LONGEST_OPUS = 0.12;
const MAGIC = Buffer.from([0x1a, 0x45, 0xdf, 0xa3]);
const BLOCK_HEAD = 3;
/** Of a track. */
const READ = new Set([ID.trackNumber, ID.trackType, ID.codec, ID.codecPrivate, ID.encodings]);
const [XIPH, FIXED] = [1, 2];

type Codec = 'opus' | { vorbisPacket: number };

/**
 * Of Opus and Vorbis in WebM or Matroska: the time of every packet in every block of a track with sound. The duration and
 * the times that the file tells are not read. Undefined where a track holds any other sound, or packed blocks.
 */
export function webmSeconds(file: Buffer): number | undefined {
  if (!file.subarray(0, 4).equals(MAGIC)) return undefined;
  const codecs = codecsOf(file);
  if (!codecs) return undefined;
  let seconds = 0;
  let encrypted = false;
  visitElements(file, (id, from, to) => {
    encrypted ||= id === ID.encryptedBlock;
    if (id !== ID.block && id !== ID.simpleBlock) return;
    // Of up to 126 tracks, which are all there are in practice, the number is one byte.
    const short = (file[from] ?? 0) >= 0x80;
    const track = short ? { value: (file[from] ?? 0) & 0x7f, bytes: 1 } : variableNumber(file, from);
    const codec = track && codecs.get(track.value);
    if (codec) seconds += blockSeconds(file, from + track.bytes, to, codec);
  });
  return encrypted ? undefined : seconds;
}

/** By the number of the track; undefined when one cannot be measured, or there is none. */
function codecsOf(file: Buffer): Map<number, Codec> | undefined {
  const codecs = new Map<number, Codec>();
  const tracks: Buffer[] = [];
  visitElements(file, (id, from, to) => {
    if (id === ID.track) tracks.push(file.subarray(from, to));
  });
  for (const track of tracks) {
    const children = [...childrenOf(track)].filter(({ id }) => READ.has(id));
    const fields = new Map(children.map((child: Element) => [child.id, child.body]));
    const name = fields.get(ID.codec)?.toString('latin1') ?? '';
    if (numberOf(fields.get(ID.trackType)) !== AUDIO && !name.startsWith('A_')) continue;
    const number = numberOf(fields.get(ID.trackNumber));
    const codec = codecOf(name, fields.get(ID.codecPrivate));
    // What is said twice, in a track or by two of one number, nobody knows the meaning of.
    if (!codec || fields.has(ID.encodings) || fields.size < children.length || codecs.has(number)) return undefined;
    codecs.set(number, codec);
  }
  return codecs.size === 0 ? undefined : codecs;
}

const numberOf = (body: Buffer | undefined): number =>
  body && body.length > 0 && body.length <= 6 ? body.readUIntBE(0, body.length) : 0;

function codecOf(name: string, setup: Buffer | undefined): Codec | undefined {
  if (name.startsWith('A_OPUS')) return 'opus';
  const at = name.startsWith('A_VORBIS') ? (setup?.indexOf('\x01vorbis') ?? -1) : -1;
  const vorbisPacket = at < 0 ? undefined : vorbisPacketSeconds(setup!.subarray(at));
  return vorbisPacket === undefined ? undefined : { vorbisPacket };
}

/** Of a block behind the number of its track: its time, its flags, and one packet or several in a lace. */
function blockSeconds(file: Buffer, from: number, to: number, codec: Codec): number {
  const at = from + BLOCK_HEAD;
  if (to <= at) return 0;
  const lacing = ((file[from + 2] ?? 0) >> 1) & 3;
  const most = lacing === 0 ? 1 : (file[at] ?? 0) + 1;
  if (codec !== 'opus') return codec.vorbisPacket * most;
  if (lacing === 0) return opusSecondsAt(file, at, to);
  const packets = laced(file.subarray(at, to), lacing);
  return packets ? packets.reduce((sum, packet) => sum + opusSeconds(packet), 0) : LONGEST_OPUS * most;
}

/** RFC 9559, section 10.3. Undefined when the sizes contradict each other. */
function laced(body: Buffer, lacing: number): Buffer[] | undefined {
  const count = body.readUInt8(0) + 1;
  const sizes: number[] = [];
  let at = 1;
  if (lacing === FIXED) {
    const size = (body.length - 1) / count;
    if (!Number.isInteger(size)) return undefined;
    for (let packet = 1; packet < count; packet++) sizes.push(size);
  } else
    for (let packet = 1; packet < count; packet++) {
      const next = lacing === XIPH ? xiphSize(body, at) : ebmlSize(body, at, sizes.at(-1));
      if (!next || next.value < 0) return undefined;
      sizes.push(next.value);
      at += next.bytes;
    }
  const packets: Buffer[] = [];
  for (const size of sizes) {
    if (at + size > body.length) return undefined;
    packets.push(body.subarray(at, at + size));
    at += size;
  }
  return [...packets, body.subarray(at)];
}

function xiphSize(body: Buffer, from: number) {
  let value = 0;
  for (let at = from; at < body.length; at++) {
    const byte = body.readUInt8(at);
    value += byte;
    if (byte < 255) return { value, bytes: at + 1 - from };
  }
  return undefined;
}

/** The first as it is, the others by how much they differ from the one before. */
function ebmlSize(body: Buffer, at: number, before: number | undefined) {
  const number = variableNumber(body, at);
  if (!number || Number.isNaN(number.value)) return undefined;
  const { value, bytes } = number;
  return before === undefined ? number : { value: before + value - (2 ** (7 * bytes - 1) - 1), bytes };
}
