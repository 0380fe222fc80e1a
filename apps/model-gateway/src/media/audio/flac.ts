/** By the four bits of a frame's header (RFC 9639, section 9.1.2); 0 is what STREAMINFO says. */
const RATES = [0, 88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];
const STREAM_INFO_RATE_AT = 18;

const CRC = Uint8Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x80 ? 0x07 : 0)) & 0xff;
  return crc;
});

/**
 * Of FLAC, whose silence takes no room at all: the samples of whatever has a frame's header with the right checksum, found
 * byte by byte. Some of it may be no frame, but no decoder plays a frame that is not among it.
 */
export function flacSeconds(file: Buffer): number | undefined {
  if (file.length < 42 || file.toString('latin1', 0, 4) !== 'fLaC') return undefined;
  const streamRate = file.readUIntBE(STREAM_INFO_RATE_AT, 3) >>> 4;
  let seconds = 0;
  for (let at = file.indexOf(0xff, 42); at >= 0; at = file.indexOf(0xff, at + 1)) {
    const frame = frameAt(file, at);
    if (!frame) continue;
    const rates = [streamRate, frame.rate].filter((rate) => rate > 0);
    if (rates.length === 0) return undefined;
    seconds += frame.samples / Math.min(...rates);
  }
  return seconds;
}

function frameAt(file: Buffer, at: number): { samples: number; rate: number } | undefined {
  if (at + 6 > file.length || (file.readUInt8(at + 1) & 0xfe) !== 0xf8) return undefined;
  const sizes = file.readUInt8(at + 2);
  const [blockCode, rateCode] = [sizes >> 4, sizes & 15];
  // The number of the frame: as many bytes as its first has leading ones, as in UTF-8.
  const ones = Math.clz32(~(file.readUInt8(at + 4) << 24));
  const blockAt = at + 4 + Math.max(1, ones);
  const blockBytes = blockCode === 6 ? 1 : blockCode === 7 ? 2 : 0;
  const rateBytes = rateCode === 12 ? 1 : rateCode === 13 || rateCode === 14 ? 2 : 0;
  const end = blockAt + blockBytes + rateBytes;
  if (blockCode === 0 || rateCode === 15 || ones === 1 || end >= file.length) return undefined;
  let crc = 0;
  for (let byte = at; byte < end; byte++) crc = CRC[crc ^ file.readUInt8(byte)] ?? 0;
  if (crc !== file.readUInt8(end)) return undefined;
  const written = rateBytes === 0 ? 0 : file.readUIntBE(blockAt + blockBytes, rateBytes);
  const unit = rateCode === 12 ? 1_000 : rateCode === 14 ? 10 : 1;
  return {
    samples: blockBytes === 0 ? blockSize(blockCode) : file.readUIntBE(blockAt, blockBytes) + 1,
    rate: rateBytes === 0 ? (RATES[rateCode] ?? 0) : written * unit,
  };
}

function blockSize(code: number): number {
  if (code === 1) return 192;
  return code < 6 ? 576 << (code - 2) : 256 << (code - 8);
}
