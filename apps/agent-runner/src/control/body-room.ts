import { PurserError } from '@purser/contracts';

/** Bodies up to this size are not counted: progress must not wait behind states. */
const SMALL_BYTES = 64 * 1024;
const PATIENCE_MS = 5_000;

/** What bodies of requests may take of the memory together. Who comes when it is full waits, and is refused after a while. */
export class BodyRoom {
  private taken = 0;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly bytes: number,
    /** What this is a part of: there has to be room, too. */
    private readonly whole?: BodyRoom,
  ) {}

  /** A smaller room in this one, which keeps who has it from taking all. */
  part(bytes: number): BodyRoom {
    return new BodyRoom(bytes, this);
  }

  /** @returns what gives the room back; @throws PurserError `unavailable` */
  take(bytes: number, gone: AbortSignal): Promise<() => void> {
    if (bytes <= SMALL_BYTES) return Promise.resolve(() => undefined);
    return this.enter(bytes, AbortSignal.any([gone, AbortSignal.timeout(PATIENCE_MS)]));
  }

  private async enter(bytes: number, until: AbortSignal): Promise<() => void> {
    while (this.taken + bytes > this.bytes) {
      if (until.aborted) throw full();
      await this.change(until);
    }
    this.taken += bytes;
    const leave = () => {
      this.taken -= bytes;
      for (const wake of [...this.waiting]) wake();
    };
    try {
      const leaveWhole = await this.whole?.enter(bytes, until);
      return () => {
        leaveWhole?.();
        leave();
      };
    } catch (error) {
      leave();
      throw error;
    }
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
    message: `large bodies are under way already, and there was no room for another one within ${PATIENCE_MS / 1_000} s; try again, or write the state to the file of PURSER_STATE_DIR`,
  });
