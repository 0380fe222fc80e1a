import { constants } from 'node:http2';
import { connect } from 'node:net';
import { TARGET, VM_PATHS } from '@purser/program-session';
import type { VmClient } from './vm-client.js';

/** Connections that the program may begin at once; as soon as one is begun there is another to come. */
const IDLE = 8;
const MOST = 64;
/** After one that the agent refused. */
const AGAIN_MS = 1_000;

/** Passes on connections of a program on a VM, to the addresses that its session was given and to no others. */
export class RunnerDoors {
  private readonly targets = new Map<string, { host: string; port: number }>();
  private open = 0;
  private idle = 0;

  constructor(
    private readonly client: VmClient,
    addresses: readonly string[],
  ) {
    for (const address of addresses) {
      const { hostname, port } = new URL(address);
      const target = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) };
      this.targets.set(`${hostname}:${target.port}`, target);
    }
    for (let nth = 0; nth < IDLE; nth += 1) this.await();
  }

  /** Never rejects. */
  private await(): void {
    this.idle += 1;
    this.client
      .open(VM_PATHS.connection)
      .then(({ stream, headers }) => {
        this.idle -= 1;
        this.open += 1;
        this.refill();
        const target = this.targets.get(String(headers[TARGET]));
        stream.once('close', () => {
          this.open -= 1;
          this.refill();
        });
        if (!target) return void stream.close(constants.NGHTTP2_REFUSED_STREAM);
        const socket = connect({ ...target, allowHalfOpen: true });
        // One that ended has had its end piped on.
        socket.on('error', () => stream.close(constants.NGHTTP2_CANCEL));
        stream.on('close', () => socket.destroy());
        socket.pipe(stream);
        stream.pipe(socket);
      })
      .catch(() => {
        this.idle -= 1;
        // Without a link nothing comes any more.
        if (!this.client.isOver) setTimeout(() => this.refill(), AGAIN_MS).unref();
      });
  }

  private refill(): void {
    if (this.idle < IDLE && this.open + this.idle < MOST) this.await();
  }
}
