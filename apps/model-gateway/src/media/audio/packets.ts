const OPUS_HEAD = 'OpusHead';
const VORBIS_HEAD = '\x01vorbis';
const VORBIS_HEAD_BYTES = 30;

/** Milliseconds of a frame, by the packet's first five bits (RFC 6716, section 3.1). */
function frameMs(config: number): number {
  if (config < 12) return [10, 20, 40, 60][config & 3] ?? 60;
  if (config < 16) return [10, 20][config & 1] ?? 20;
  return [2.5, 5, 10, 20][config & 3] ?? 20;
}

/** How long a packet of Opus plays. */
export const opusSeconds = (packet: Buffer): number => opusSecondsAt(packet, 0, packet.length);

/** The same where it stands in a file: there may be a million of them. */
export function opusSecondsAt(file: Buffer, from: number, to: number): number {
  const first = file[from] ?? 0;
  if (to <= from) return 0;
  const code = first & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : to > from + 1 ? (file[from + 1] ?? 0) & 63 : 0;
  return (frameMs(first >> 3) * frames) / 1_000;
}

export const isOpusHead = (packet: Buffer): boolean => packet.toString('latin1', 0, OPUS_HEAD.length) === OPUS_HEAD;

/** How long the longest packet of a stream of Vorbis plays, by its first one; undefined when that is none. */
export function vorbisPacketSeconds(head: Buffer): number | undefined {
  if (head.length < VORBIS_HEAD_BYTES || head.toString('latin1', 0, VORBIS_HEAD.length) !== VORBIS_HEAD)
    return undefined;
  return (1 << (head.readUInt8(28) >> 4)) / Math.max(1, head.readUInt32LE(12));
}
