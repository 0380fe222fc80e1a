import { once } from 'node:events';
import { type AddressInfo, BlockList, connect, createServer, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Connections of all containers to one target, and of one container to all: it leaves the others theirs. */
const MOST_CONNECTIONS = 1_000;
const MOST_OF_ONE = 100;

export interface ContainerNetwork {
  /** Such as 172.30.0.0/16. */
  subnet: string;
  gateway?: string | undefined;
}

/**
 * This machine's address on the network of the containers: the bridge's, or that of this container on it. A bridge without
 * containers is not shown among the interfaces that are up, but its address can be listened on.
 */
export function ownAddress({ subnet, gateway }: ContainerNetwork): string | undefined {
  const [base = '', length] = subnet.split('/');
  const inside = new BlockList();
  inside.addSubnet(base, Number(length), 'ipv4');
  const own = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .find(({ family, address }) => family === 'IPv4' && inside.check(address, 'ipv4'));
  return own?.address ?? gateway;
}

/** The doors of a network that leads nowhere: each passes connections on to one address, and to no other. */
export class Forwards {
  private readonly open = new Map<string, Promise<{ server: Server; port: number }>>();
  private readonly sockets = new Set<Socket>();
  /** Connections of each container, by its address. */
  private readonly held = new Map<string, number>();
  /** Those of which it was said that they have too many, until they have none. */
  private readonly told = new Set<string>();
  private readonly say: (line: string) => void;

  constructor(say: (line: string) => void = () => undefined) {
    this.say = say;
  }

  /** @returns the URL under which a container reaches what is at `url`, or undefined when it would not be the same there */
  async through(url: string, address: string): Promise<string | undefined> {
    const target = URL.canParse(url) ? new URL(url) : undefined;
    // A certificate would be for another name.
    if (target?.protocol !== 'http:') return undefined;
    const host = target.hostname.replace(/^\[|\]$/g, '');
    const { port } = await this.doorTo(host, Number(target.port || 80), address);
    target.hostname = address;
    target.port = String(port);
    // Programs put a path behind it: it ends as it did.
    return target.href.endsWith('/') && !url.endsWith('/') ? target.href.slice(0, -1) : target.href;
  }

  async close(): Promise<void> {
    const doors = await Promise.allSettled(this.open.values());
    this.open.clear();
    for (const door of doors) if (door.status === 'fulfilled') door.value.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private doorTo(host: string, port: number, address: string): Promise<{ server: Server; port: number }> {
    const key = `${address} ${host} ${port}`;
    const known = this.open.get(key);
    if (known) return known;
    const door = this.listen(host, port, address);
    this.open.set(key, door);
    door.catch(() => this.open.delete(key));
    return door;
  }

  private async listen(host: string, port: number, address: string): Promise<{ server: Server; port: number }> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      if (this.count(socket)) this.join(socket, connect({ host, port, allowHalfOpen: true }));
      else socket.destroy();
    });
    server.maxConnections = MOST_CONNECTIONS;
    server.listen(0, address);
    await once(server, 'listening');
    return { server, port: (server.address() as AddressInfo).port };
  }

  /** @returns whether its container may have one more */
  private count(socket: Socket): boolean {
    const from = socket.remoteAddress ?? '';
    const before = this.held.get(from) ?? 0;
    if (before >= MOST_OF_ONE) {
      if (!this.told.has(from))
        this.say(`the container at ${from} has ${before} connections, the most it may have; more are reset`);
      this.told.add(from);
      return false;
    }
    this.held.set(from, before + 1);
    socket.once('close', () => {
      const left = this.held.get(from)! - 1;
      if (left > 0) return this.held.set(from, left);
      this.held.delete(from);
      this.told.delete(from);
    });
    return true;
  }

  private join(one: Socket, other: Socket): void {
    for (const [socket, peer] of [
      [one, other],
      [other, one],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => peer.destroy());
      socket.on('close', () => {
        this.sockets.delete(socket);
        if (socket.errored) peer.destroy();
      });
      socket.pipe(peer);
    }
  }
}
