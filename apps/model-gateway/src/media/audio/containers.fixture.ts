// Recordings in containers, for specs: right in what is decoded, and with whatever lie in what they say of themselves.

const bytes = (value: number, length: number): Buffer => {
  const buffer = Buffer.alloc(length);
  buffer.writeUIntBE(value, 0, length);
  return buffer;
};
const uint32 = (value: number): Buffer => bytes(value, 4);

/** AAC in ADTS: frames of 1,024 samples. `rate` is an index: 4 is 44.1 kHz, 8 is 16 kHz. */
export function adts(frames: number, { rate = 8, frameBytes = 128, blocks = 1 } = {}): Buffer {
  const frame = Buffer.alloc(frameBytes);
  frame.writeUInt16BE(0xfff1, 0);
  frame.writeUInt8((1 << 6) | (rate << 2), 2);
  frame.writeUIntBE((1 << 22) | (frameBytes << 5) | 0x1f, 3, 3);
  frame.writeUInt8(0xfc | (blocks - 1), 6);
  return Buffer.concat(Array(frames).fill(frame) as Buffer[]);
}

export function box(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([uint32(body.length + 8), Buffer.from(type, 'latin1'), body]);
}
const full = (type: string, ...parts: Buffer[]) => box(type, uint32(0), ...parts);
const descriptor = (tag: number, ...parts: Buffer[]) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, 0x80, 0x80, 0x80, body.length]), body]);
};

/** By an index as in ADTS; `type` 5 has replicated bands. */
const aacConfig = (rate: number, type = 2) => bytes((type << 11) | (rate << 7) | (1 << 3), 2);

function soundEntry(config: Buffer, told: number, object = 0x40): Buffer {
  const decoder = descriptor(4, Buffer.from([object]), Buffer.alloc(12), descriptor(5, config));
  const sound = Buffer.alloc(28);
  sound.writeUInt16BE(told, 24);
  return box('mp4a', sound, full('esds', descriptor(3, Buffer.alloc(3), decoder)));
}

export interface Mp4 {
  samples?: number;
  rate?: number;
  type?: number;
  /** What the entry says of its rate. */
  told?: number;
  object?: number;
  /** What `mvhd`, `tkhd` and `mdhd` say, in thousandths. */
  duration?: number;
  /** Each as its duration and where it begins. */
  edits?: [number, number][];
  /** Samples in fragments. */
  fragments?: number[];
  video?: boolean;
  bytes?: number;
}

/** M4A; frames of 1,024 samples at 16 kHz unless said otherwise. */
export function m4a({
  samples = 0,
  rate = 8,
  type = 2,
  told = 0,
  object = 0x40,
  duration = 1,
  edits,
  fragments = [],
  video = false,
  bytes: size = 60_000,
}: Mp4): Buffer {
  const track = (id: number, handler: string, entry: Buffer, count: number) =>
    box(
      'trak',
      full('tkhd', Buffer.alloc(8), uint32(id), uint32(0), uint32(duration)),
      ...(edits
        ? [
            box(
              'edts',
              full(
                'elst',
                uint32(edits.length),
                ...edits.flatMap(([long, from]) => [uint32(long), uint32(from), uint32(1 << 16)]),
              ),
            ),
          ]
        : []),
      box(
        'mdia',
        full('mdhd', Buffer.alloc(8), uint32(1_000), uint32(duration), uint32(0)),
        full('hdlr', uint32(0), Buffer.from(handler), Buffer.alloc(13)),
        box('minf', box('stbl', full('stsd', uint32(1), entry), full('stsz', uint32(0), uint32(count)))),
      ),
    );
  return Buffer.concat([
    box('ftyp', Buffer.from('M4A \0\0\0\0', 'latin1')),
    box('free', Buffer.alloc(8)),
    box(
      'moov',
      full('mvhd', Buffer.alloc(8), uint32(1_000), uint32(duration), Buffer.alloc(80)),
      ...(video ? [track(2, 'vide', box('avc1', Buffer.alloc(78)), 1_000_000)] : []),
      track(1, 'soun', soundEntry(aacConfig(rate, type), told, object), samples),
    ),
    ...fragments.map((count) => box('moof', box('traf', full('tfhd', uint32(1)), full('trun', uint32(count))))),
    ...(video ? [box('moof', box('traf', full('tfhd', uint32(2)), full('trun', uint32(1_000_000))))] : []),
    box('mdat', Buffer.alloc(size)),
  ]);
}

const UNKNOWN = Buffer.from([0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
const idBytes = (id: number) => bytes(id, Math.ceil((32 - Math.clz32(id)) / 8));
export function element(id: number, body: Buffer, size?: Buffer): Buffer {
  return Buffer.concat([idBytes(id), size ?? bytes(0x10000000 + body.length, 4), body]);
}

export type Lacing = 'none' | 'xiph' | 'ebml' | 'fixed';
const LACINGS: Lacing[] = ['none', 'xiph', 'fixed', 'ebml'];

/** Several packets in one block; `fixed` needs them all of one length. */
export function lace(packets: readonly Buffer[], lacing: Lacing): Buffer {
  const head = Buffer.from([0x81, 0, 0, LACINGS.indexOf(lacing) << 1]);
  if (lacing === 'none') return Buffer.concat([head, ...packets.slice(0, 1)]);
  const sizes = packets.slice(0, -1).map(({ length }) => length);
  const xiph = sizes.flatMap((size) => [...(Array(Math.floor(size / 255)).fill(255) as number[]), size % 255]);
  const ebml = sizes.map((size, at) =>
    bytes(at === 0 ? 0x4000 + size : 0x4000 + size - (sizes[at - 1] ?? 0) + 0x1fff, 2),
  );
  const told = { xiph: Buffer.from(xiph), ebml: Buffer.concat(ebml), fixed: Buffer.alloc(0) }[lacing];
  return Buffer.concat([head, Buffer.from([packets.length - 1]), told, ...packets]);
}

/** 20 ms of Opus. */
export function opusPacket(length = 60): Buffer {
  const packet = Buffer.alloc(length);
  packet.writeUInt8(1 << 3);
  return packet;
}

export interface WebM {
  codec?: string;
  /** Of the track; what begins it is added. */
  more?: Buffer[];
  /** Each a block. */
  blocks?: Buffer[];
  /** What `Info` says. */
  duration?: number;
  /** As browsers write it: nobody knows yet how long it will be. */
  live?: boolean;
}

const TEN = 10;

/** Blocks of one track with sound, ten in a cluster. */
export function webm({ codec = 'A_OPUS', more = [], blocks = [], duration = 1, live = true }: WebM): Buffer {
  const told = Buffer.alloc(4);
  told.writeFloatBE(duration);
  const clusters = Array.from({ length: Math.ceil(blocks.length / TEN) }, (_, at) =>
    element(
      0x1f43b675,
      Buffer.concat([
        element(0xe7, Buffer.from([0])),
        ...blocks
          .slice(at * TEN, at * TEN + TEN)
          .map((block, index) => (index % 2 === 0 ? element(0xa3, block) : element(0xa0, element(0xa1, block)))),
      ]),
      live ? UNKNOWN : undefined,
    ),
  );
  const track = element(
    0xae,
    Buffer.concat([
      element(0xd7, Buffer.from([1])),
      element(0x83, Buffer.from([2])),
      element(0x86, Buffer.from(codec)),
      ...more,
    ]),
  );
  const segment = Buffer.concat([element(0x1549a966, element(0x4489, told)), element(0x1654ae6b, track), ...clusters]);
  return Buffer.concat([
    element(0x1a45dfa3, element(0x4282, Buffer.from('webm'))),
    element(0x18538067, segment, live ? UNKNOWN : undefined),
  ]);
}
