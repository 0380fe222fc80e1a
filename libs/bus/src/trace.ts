import { AsyncLocalStorage } from 'node:async_hooks';
import { randomFillSync } from 'node:crypto';

/** W3C trace context: `00-<32 hex trace>-<16 hex span>-<flags>`. */
const PATTERN = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/;

/** Made when somebody first asks: most requests publish and log nothing by themselves. */
interface Trace {
  incoming: string | undefined;
  traceparent?: string;
}

const storage = new AsyncLocalStorage<Trace>();

/** The traceparent to send on with whatever is published from here; undefined outside any request. */
export function currentTraceparent(): string | undefined {
  const trace = storage.getStore();
  return trace && (trace.traceparent ??= newSpan(trace.incoming));
}

export const currentTraceId = (): string | undefined => currentTraceparent()?.slice(3, 35);

const POOL = Buffer.alloc(8 * 1024);
let used = POOL.length;

/** Random ids of traces: asking the system for each of them would cost every request two calls into it. */
function randomHex(bytes: number): string {
  if (used + bytes > POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  used += bytes;
  return POOL.toString('hex', used - bytes, used);
}

/** Runs `work` in a span of its own: within the trace that came in, or in a new one when none or a broken one came. */
export function withTrace<T>(incoming: string | undefined, work: () => T): T {
  return storage.run({ incoming }, work);
}

function newSpan(incoming: string | undefined): string {
  const match = incoming === undefined ? null : PATTERN.exec(incoming);
  const trace = match?.[1] ?? randomHex(16);
  return `00-${trace}-${randomHex(8)}-${match?.[2] ?? '01'}`;
}
