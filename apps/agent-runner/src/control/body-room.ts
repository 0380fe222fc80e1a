import { PurserError } from '@purser/contracts';

/** Bodies up to this size are not counted: progress must not wait behind states. */
const SMALL_BYTES = 64 * 1024;
const PATIENCE_MS = 5_000;

/** What bodies of requests may take of the memory together. Who comes when it is full waits, and is refused after a while. */
export class BodyRoom {
  private taken = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly bytes: number) {}

  /** @returns what gives the room back; @throws PurserError `unavailable` */
  async take(bytes: number, gone: AbortSignal): Promise<() => void> {
    if (bytes <= SMALL_BYTES) return () => undefined;
    const until = AbortSignal.any([gone, AbortSignal.timeout(PATIENCE_MS)]);
    while (this.taken + bytes > this.bytes) {
      if (until.aborted) throw full();
      await this.change(until);
    }
    this.taken += bytes;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.taken -= bytes;
      for (const wake of [...this.waiting]) wake();
    };
  }

  private change(until: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.waiting.delete(wake);
        until.removeEventListener('abort', wake);
        resolve();
      };
      this.waiting.add(wake);
      until.addEventListener('abort', wake);
    });
  }
}

const full = (): PurserError =>
  new PurserError('unavailable', {
    message: `many large bodies are under way in this runner, and there was no room for another one within ${PATIENCE_MS / 1_000} s; try again, or write the state to the file of PURSER_STATE_DIR`,
  });
