import { once } from 'node:events';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { TARGET } from '@purser/program-session';

/** That wait for the runner, and that are open. */
const MOST_SOCKETS = 200;
/** For the runner to take a connection: it has as many as it takes, or does not get to it. */
const WAIT_MS = 60_000;

interface Caller {
  socket: Socket;
  target: string;
}

/** The addresses on this VM under which its program reaches what the runner lets it reach. */
export class Doors {
  private readonly servers = new Map<string, Server>();
  private readonly sockets = new Set<Socket>();
  /** Of the runner, for connections to come. */
  private readonly idle: ServerHttp2Stream[] = [];
  private readonly callers: Caller[] = [];

  constructor(private readonly waitMs = WAIT_MS) {}

  /** The same address as the program is to have it; as it is where it is none of plain HTTP. */
  async through(address: string): Promise<string> {
    if (!URL.canParse(address)) return address;
    const url = new URL(address);
    if (url.protocol !== 'http:') return address;
    const port = await this.doorTo(`${url.hostname}:${url.port || '80'}`);
    url.hostname = '127.0.0.1';
    url.port = String(port);
    // Programs put a path behind it: it ends as it did.
    return url.href.endsWith('/') && !address.endsWith('/') ? url.href.slice(0, -1) : url.href;
  }

  /** The runner's, which is answered when there is a connection for it. */
  offer(stream: ServerHttp2Stream): void {
    const caller = this.callers.shift();
    if (caller) return this.join(caller, stream);
    this.idle.push(stream);
    stream.on('close', () => {
      const at = this.idle.indexOf(stream);
      if (at !== -1) this.idle.splice(at, 1);
    });
  }

  close(): void {
    for (const server of this.servers.values()) server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private async doorTo(target: string): Promise<number> {
    let server = this.servers.get(target);
    if (!server) {
      server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => this.call(socket, target));
      server.maxConnections = MOST_SOCKETS;
      this.servers.set(target, server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
    return (server.address() as AddressInfo).port;
  }

  private call(socket: Socket, target: string): void {
    this.sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.sockets.delete(socket));
    const stream = this.idle.shift();
    const caller = { socket, target };
    if (stream) return this.join(caller, stream);
    this.callers.push(caller);
    const late = setTimeout(() => {
      if (this.callers.includes(caller)) socket.destroy();
    }, this.waitMs);
    socket.on('close', () => {
      clearTimeout(late);
      const at = this.callers.indexOf(caller);
      if (at !== -1) this.callers.splice(at, 1);
    });
  }

  private join({ socket, target }: Caller, stream: ServerHttp2Stream): void {
    stream.on('error', () => socket.destroy());
    stream.on('close', () => socket.destroy());
    // One that ended has had its end piped on.
    socket.on('error', () => stream.close(constants.NGHTTP2_CANCEL));
    stream.respond({ ':status': 200, [TARGET]: target });
    socket.pipe(stream);
    stream.pipe(socket);
    socket.resume();
  }
}
