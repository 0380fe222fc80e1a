// Recordings as bytes, for specs: right in their frames, and with whatever lie in their heads.

const RATE = 16_000;
const SAMPLE_BYTES = 2;

export function wav(seconds: number, { byteRate = RATE * SAMPLE_BYTES, dataBytes = 0xffffffff } = {}): Buffer {
  const head = Buffer.alloc(44);
  head.write('RIFF');
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(RATE, 24);
  head.writeUInt32LE(byteRate, 28);
  head.writeUInt16LE(SAMPLE_BYTES, 32);
  head.writeUInt16LE(SAMPLE_BYTES * 8, 34);
  head.write('data', 36);
  head.writeUInt32LE(dataBytes, 40);
  return Buffer.concat([head, Buffer.alloc(seconds * RATE * SAMPLE_BYTES)]);
}

/** MPEG-1 layer III at 44.1 kHz. */
export function mp3Frame(kbits: 32 | 128 | 320): Buffer {
  const code = { 32: 1, 128: 9, 320: 14 }[kbits];
  const frame = Buffer.alloc(Math.floor((144 * kbits * 1_000) / 44_100));
  frame.writeUInt32BE((0xfffb0000 | (code << 12)) >>> 0);
  return frame;
}

export function tagged(sound: Buffer, coverBytes: number): Buffer {
  const head = Buffer.from([0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 0, 0]);
  for (let at = 9, left = coverBytes; at > 5; at--, left >>= 7) head.writeUInt8(left & 0x7f, at);
  return Buffer.concat([head, Buffer.alloc(coverBytes), sound]);
}

function page(packets: readonly Buffer[], { first = false, granule = 0n } = {}): Buffer {
  const lacing = packets.flatMap(({ length }) => [
    ...Array.from({ length: Math.floor(length / 255) }, () => 255),
    length % 255,
  ]);
  const head = Buffer.alloc(27);
  head.write('OggS');
  head.writeUInt8(first ? 2 : 0, 5);
  head.writeBigInt64LE(granule, 6);
  head.writeUInt8(lacing.length, 26);
  return Buffer.concat([head, Buffer.from(lacing), ...packets]);
}

/** Opus in Ogg, in packets of 20 ms; `granule` is what its pages say of their place. */
export function opus(seconds: number, { packetBytes = 60, granule = 0n } = {}): Buffer {
  const head = Buffer.alloc(19);
  head.write('OpusHead');
  const packet = Buffer.alloc(packetBytes);
  packet.writeUInt8(1 << 3);
  const pages = Array.from({ length: seconds }, () => page(Array(50).fill(packet) as Buffer[], { granule }));
  return Buffer.concat([page([head], { first: true }), ...pages]);
}

const crc8 = (bytes: Buffer): number =>
  bytes.reduce((crc, byte) => {
    let next = crc ^ byte;
    for (let bit = 0; bit < 8; bit++) next = ((next << 1) ^ (next & 0x80 ? 7 : 0)) & 0xff;
    return next;
  }, 0);

/** Silence in FLAC at 16 kHz, in frames of 4,096 samples and a few bytes; the head says that there are no samples. */
export function silentFlac(frames: number): Buffer {
  const head = Buffer.alloc(42);
  head.write('fLaC');
  head.writeUInt8(0x80, 4);
  head.writeUIntBE(34, 5, 3);
  head.writeUIntBE(16_000 << 4, 18, 3);
  const all = Array.from({ length: frames }, (_, number) => {
    const start = Buffer.from([0xff, 0xf8, 0xc5, 0x08, number % 128]);
    return Buffer.concat([start, Buffer.from([crc8(start), 0, 0, 0, 0x12, 0x34])]);
  });
  return Buffer.concat([head, ...all]);
}
