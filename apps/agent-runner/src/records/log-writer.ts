import { isPurserError } from '@purser/contracts';
import type { NewLine } from './logs.repository.js';

/** Where the lines go: fenced, so either may reject with `stale_epoch`. */
export interface LogSink {
  append(lines: readonly NewLine[]): Promise<void>;
  /** Keeps the task's log within its bounds; how many lines went. */
  trim(): Promise<number>;
}

export interface LogWriterOptions {
  sink: LogSink;
  /** The last sequence number that the task's log has. */
  lastSeq: number;
  now: () => Date;
  /** A newer session owns the task. */
  onStale(): void;
  report(error: unknown, message: string): void;
  /** Said in the log when old lines went. */
  boundsInWords: string;
  queueLines?: number;
  /** How long a full queue holds up the program before lines are dropped. */
  patienceMs?: number;
}

const FLUSH_MS = 200;
const FLUSH_LINES = 100;
const BATCH_LINES = 500;
const BATCH_BYTES = 1024 * 1024;
const QUEUE_LINES = 5_000;
const QUEUE_BYTES = 4 * 1024 * 1024;
const PATIENCE_MS = 5_000;
const LINE_LENGTH = 16 * 1024;
const TRIM_EVERY_BYTES = 4 * 1024 * 1024;
const TAIL_LINES = 40;

/**
 * Takes a session's lines and stores them in batches. A full queue first holds up the program; when the database does
 * not come back in time, lines are dropped and counted, and the count is written as soon as there is room.
 */
export class LogWriter {
  private readonly queue: NewLine[] = [];
  private readonly recent: string[] = [];
  private readonly waiting: (() => void)[] = [];
  private queuedBytes = 0;
  private untrimmedBytes = 0;
  private dropped = 0;
  private trimmed = false;
  private lastSeq: number;
  private timer: NodeJS.Timeout | undefined;
  private draining: Promise<void> | undefined;
  private state: 'open' | 'closing' | 'dead' = 'open';

  constructor(private readonly options: LogWriterOptions) {
    this.lastSeq = options.lastSeq;
  }

  /** The last lines, for the handoff document. */
  get tail(): readonly string[] {
    return this.recent;
  }

  line(stream: NewLine['stream'], text: string): void | Promise<void> {
    if (this.state !== 'open') return;
    // Postgres takes no NUL in a text.
    const clean = text.slice(0, LINE_LENGTH).replaceAll('\0', '\uFFFD');
    this.recent.push(`${stream}: ${clean}`);
    if (this.recent.length > TAIL_LINES) this.recent.shift();
    // The few lines of Purser's own are taken also when the queue is full of the program's.
    if (this.full && stream !== 'purser') {
      this.dropped += 1;
      return;
    }
    this.enqueue(stream, clean);
    if (this.full && stream !== 'purser') return this.room();
  }

  /** Stores what is left, for as long as `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    if (this.state !== 'open') return;
    this.noteDropped();
    this.state = 'closing';
    clearTimeout(this.timer);
    let late: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      late = setTimeout(resolve, timeoutMs);
    });
    const stored = this.drain()
      .then(() => this.trim())
      .then(() => this.drain());
    await Promise.race([stored, limit]);
    clearTimeout(late);
    if (this.queue.length > 0 && !this.dead)
      this.options.report(
        undefined,
        `the last ${this.queue.length} log lines of a session could not be stored in time`,
      );
    this.die();
  }

  private get dead(): boolean {
    return this.state === 'dead';
  }

  private get full(): boolean {
    return this.queue.length >= (this.options.queueLines ?? QUEUE_LINES) || this.queuedBytes >= QUEUE_BYTES;
  }

  private enqueue(stream: NewLine['stream'], text: string): void {
    this.lastSeq += 1;
    this.queue.push({ seq: this.lastSeq, stream, at: this.options.now(), text });
    this.queuedBytes += text.length;
    if (this.queue.length >= FLUSH_LINES) void this.drain();
    else this.timer ??= setTimeout(() => void this.drain(), FLUSH_MS);
  }

  private room(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(done, this.options.patienceMs ?? PATIENCE_MS);
      this.waiting.push(done);
    });
  }

  private drain(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.draining ??= this.drainQueue().finally(() => (this.draining = undefined));
    return this.draining;
  }

  private async drainQueue(): Promise<void> {
    while (this.queue.length > 0 && !this.dead) {
      const batch = this.nextBatch();
      await this.store(batch);
      if (this.dead) return;
      this.queue.splice(0, batch.length);
      const bytes = batch.reduce((sum, line) => sum + line.text.length, 0);
      this.queuedBytes -= bytes;
      this.untrimmedBytes += bytes + batch.length;
      if (!this.full) {
        this.noteDropped();
        for (const wake of this.waiting.splice(0)) wake();
      }
      if (this.untrimmedBytes >= TRIM_EVERY_BYTES) await this.trim();
    }
  }

  private nextBatch(): NewLine[] {
    const batch: NewLine[] = [];
    let bytes = 0;
    for (const line of this.queue.slice(0, BATCH_LINES)) {
      bytes += line.text.length;
      if (batch.length > 0 && bytes > BATCH_BYTES) break;
      batch.push(line);
    }
    return batch;
  }

  private async store(batch: readonly NewLine[]): Promise<void> {
    for (let waitMs = 100; !this.dead; waitMs = Math.min(waitMs * 2, 1_000)) {
      try {
        await this.options.sink.append(batch);
        return;
      } catch (error) {
        if (isPurserError(error) && error.retryable) {
          await new Promise((resolve) => setTimeout(resolve, waitMs));
          continue;
        }
        if (isPurserError(error) && error.code === 'stale_epoch') {
          this.die();
          this.options.onStale();
          return;
        }
        this.dropped += batch.length;
        this.options.report(error, 'log lines of a session could not be stored and are dropped');
        return;
      }
    }
  }

  private noteDropped(): void {
    if (this.dropped === 0) return;
    const count = this.dropped;
    this.dropped = 0;
    this.enqueue('purser', `${count} log lines were dropped: the database could not take them in time`);
  }

  private async trim(): Promise<void> {
    if (this.dead) return;
    this.untrimmedBytes = 0;
    try {
      const removed = await this.options.sink.trim();
      if (removed === 0 || this.trimmed || this.dead) return;
      this.trimmed = true;
      this.enqueue('purser', `older log lines were removed: a task keeps its last ${this.options.boundsInWords}`);
    } catch (error) {
      this.options.report(error, 'the log of a task could not be kept within its bounds; it is tried again later');
    }
  }

  private die(): void {
    this.state = 'dead';
    clearTimeout(this.timer);
    for (const wake of this.waiting.splice(0)) wake();
  }
}
