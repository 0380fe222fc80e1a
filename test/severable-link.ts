import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a server on this machine that a spec can cut, and mend. */
export class SeverableLink {
  private readonly sockets = new Set<Socket>();
  private open = true;

  private constructor(
    private readonly server: Server,
    private readonly target: number,
  ) {}

  static async to(port: number): Promise<SeverableLink> {
    const server = createServer();
    const link = new SeverableLink(server, port);
    server.on('connection', (near) => link.join(near));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return link;
  }

  /** The given URL, by way of this link. */
  through(url: string): string {
    const { port } = this.server.address() as { port: number };
    return url.replace(/:\d+(?=\/?$)/, `:${port}`);
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
    if (!this.open) {
      near.destroy();
      return;
    }
    const far = connect(this.target, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
    }
  }
}
