import type { Usage } from '@purser/plugin-sdk';
import type { AttemptSignal } from './attempt-signal.js';
import type { StreamPiece, TakePiece, WriteFrames } from './way.js';

/** A provider's stream on its way to the client: what of it reached us, and what waits for a client that is slower. */
export class Relay {
  /** Resolves with the first piece. */
  readonly begun: Promise<void>;
  /** Of the answer's text that reached us. */
  bytes = 0;
  usage: Usage | undefined;
  private begin!: () => void;
  private write: WriteFrames | undefined;
  /** What came before there was somebody to write to; the source waits with it. */
  private held: { frames: string; written: (done: Promise<void> | undefined) => void } | undefined;

  constructor(private readonly timer: AttemptSignal) {
    this.begun = new Promise((resolve) => (this.begin = resolve));
  }

  /** Throws when the attempt is over: whoever does not heed his signal is stopped by that. */
  readonly take: TakePiece = ({ frames, bytes, usage }: StreamPiece) => {
    const { timer } = this;
    timer.throwIfAborted();
    this.bytes += bytes;
    this.usage = usage ?? this.usage;
    this.begin();
    const written = frames === '' ? undefined : this.pass(frames);
    if (!written) return timer.listen();
    // A client that reads slowly is no silence of the provider.
    timer.pause();
    return written.then(() => timer.listen());
  };

  writeTo(write: WriteFrames): void {
    this.write = write;
    const { held } = this;
    this.held = undefined;
    held?.written(write(held.frames));
  }

  private pass(frames: string): Promise<void> | undefined {
    if (this.write) return this.write(frames);
    return new Promise((resolve) => (this.held = { frames, written: resolve }));
  }
}
