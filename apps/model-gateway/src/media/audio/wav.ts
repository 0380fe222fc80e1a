/** `fmt ` */
const FMT = 0x20746d66;
const PCM = 1;
const FLOAT = 3;
const A_LAW = 6;
const MU_LAW = 7;
const EXTENSIBLE = 0xfffe;
const PLAIN = new Set([PCM, FLOAT, A_LAW, MU_LAW]);
const MOST_RATE = 768_000;
const MOST_CHANNELS = 64;
const MOST_BITS = 64;

/**
 * Of uncompressed WAV: all bytes of the file as samples. Decoders disagree about which of the header's three figures for
 * the size of a second counts, so the smallest does. Undefined for anything else in a WAV.
 */
export function wavSeconds(file: Buffer): number | undefined {
  if (file.length < 12 || file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WAVE')
    return undefined;
  const format = onlyFormat(file);
  if (!format || format.length < 16) return undefined;
  const [tag, channels, rate] = [format.readUInt16LE(0), format.readUInt16LE(2), format.readUInt32LE(4)];
  const [byteRate, blockBytes, bits] = [format.readUInt32LE(8), format.readUInt16LE(12), format.readUInt16LE(14)];
  const coding = tag === EXTENSIBLE && format.length >= 26 ? format.readUInt16LE(24) : tag;
  if (!PLAIN.has(coding) || rate > MOST_RATE || channels > MOST_CHANNELS || bits > MOST_BITS) return undefined;
  const second = Math.min(byteRate, rate * blockBytes, rate * channels * Math.ceil(bits / 8));
  return second > 0 ? file.length / second : undefined;
}

/** The format, unless there are several: which of them counts nobody knows. */
function onlyFormat(file: Buffer): Buffer | undefined {
  let format: Buffer | undefined;
  for (let at = 12; at + 8 <= file.length;) {
    const size = file.readUInt32LE(at + 4);
    if (file.readUInt32LE(at) === FMT) {
      if (format) return undefined;
      format = file.subarray(at + 8, at + 8 + size);
    }
    at += 8 + size + (size % 2);
  }
  return format;
}
