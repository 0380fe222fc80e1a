import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Random } from './random.js';

const CRLF = Buffer.from('\r\n');

/**
 * A way to the nats-server on which messages of the services come twice or late, and which can be cut. It reads the
 * client's half of the NATS protocol; what the server sends passes as it is. Left alone are the requests to JetStream
 * itself: a real bus never repeats those.
 */
export class UnreliableLink {
  /** Of the messages; the delayed ones among them wait by themselves, others overtake them. */
  trouble = { twice: 0, late: 0, lateMs: 0 };
  counts = { twice: 0, late: 0 };
  private readonly sockets = new Set<Socket>();
  private open = true;

  private constructor(
    private readonly server: Server,
    private readonly target: number,
    private readonly random: Random,
  ) {}

  static async to(natsUrl: string, random: Random): Promise<UnreliableLink> {
    const server = createServer();
    const link = new UnreliableLink(server, Number(new URL(natsUrl).port), random);
    server.on('connection', (near) => link.join(near));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return link;
  }

  get url(): string {
    return `nats://127.0.0.1:${(this.server.address() as { port: number }).port}`;
  }

  sever(): void {
    this.open = false;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.open = true;
  }

  async close(): Promise<void> {
    this.sever();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(near: Socket): void {
    if (!this.open) return void near.destroy();
    const far = connect(this.target, '127.0.0.1');
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      this.sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    far.pipe(near);
    const frames = new Frames();
    near.on('data', (chunk) => {
      for (const frame of frames.of(chunk)) this.forward(frame, far);
      if (far.writableNeedDrain) {
        near.pause();
        far.once('drain', () => near.resume());
      }
    });
  }

  private forward({ bytes, subject, reply }: Frame, far: Socket): void {
    const troubled = subject !== undefined && !subject.startsWith('$JS.');
    if (troubled && this.random.chance(this.trouble.twice)) {
      this.counts.twice += 1;
      far.write(bytes);
    }
    // Only requests: what has no answer is in order on one connection, and a real bus keeps it so.
    if (troubled && reply && this.random.chance(this.trouble.late)) {
      this.counts.late += 1;
      setTimeout(
        () => {
          if (!far.destroyed) far.write(bytes);
        },
        this.random.between(1, this.trouble.lateMs),
      );
    } else {
      far.write(bytes);
    }
  }
}

interface Frame {
  bytes: Buffer;
  /** Of a published message. */
  subject?: string;
  reply?: boolean;
}

/** Cuts what a client sends into its protocol messages. */
class Frames {
  private rest: Buffer = Buffer.alloc(0);

  of(chunk: Buffer): Frame[] {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.take(); frame; frame = this.take()) frames.push(frame);
    return frames;
  }

  private take(): Frame | undefined {
    const end = this.rest.indexOf(CRLF);
    if (end < 0) return undefined;
    const [verb = '', ...words] = this.rest.toString('latin1', 0, end).split(' ');
    if (verb !== 'PUB' && verb !== 'HPUB') return { bytes: this.cut(end + 2) };
    const length = end + 2 + Number(words.at(-1)) + 2;
    if (this.rest.length < length) return undefined;
    const reply = words.length === (verb === 'PUB' ? 3 : 4);
    return { bytes: this.cut(length), subject: words[0] ?? '', reply };
  }

  private cut(length: number): Buffer {
    const bytes = this.rest.subarray(0, length);
    this.rest = this.rest.subarray(length);
    return bytes;
  }
}
