import { watch, type FSWatcher } from 'node:fs';
import type { ExecutorSession } from '@purser/plugin-sdk';
import { within } from './deadline.js';
import { isWholeJson } from './large-state.js';
import { CHECKPOINT, FILE_LIMIT, HANDOFF, LARGE_LIMIT, type SessionFiles } from './session-files.js';

/** For where the system reports no changes (network folders, no watches left). */
const POLL_MS = 500;
/** A program that saves a thousand times a second has its latest state taken five times a second. */
const PAUSE_MS = 200;

/** A file whose every complete version is passed on. */
interface Captured {
  name: string;
  /** Says what is wrong with the bytes, or passes them on. */
  take(bytes: Buffer): Promise<string | undefined>;
  /** The same for what is too large to be held, up to 256 MiB. */
  takeLarge?: (() => Promise<string | undefined>) | undefined;
  /** The version that was dealt with; at first that which the session began with. */
  handled: string | undefined;
  /** A version that was wrong when first seen: it may be just being written. */
  suspect?: string;
}

interface Watchers {
  say(line: string): void;
  /** A newer session owns the task. */
  stale(): void;
}

function parseJson(bytes: Buffer): { value: unknown } | { problem: string } {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown };
  } catch (error) {
    return {
      problem: `is not valid JSON (${(error as Error).message}); write another file and rename it to this name`,
    };
  }
}

/** Passes on what a program leaves in its state folder: checkpoints, the handoff, progress. */
export class Captures {
  private readonly session: ExecutorSession;
  private readonly files: SessionFiles;
  private readonly watchers: Watchers;
  private readonly captured: Captured[];
  private watcher: FSWatcher | undefined;
  private poll: NodeJS.Timeout | undefined;
  private pause: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private lastLook = 0;
  private lastFailure = '';
  private closed = false;

  constructor(session: ExecutorSession, files: SessionFiles, watchers: Watchers) {
    this.session = session;
    this.files = files;
    this.watchers = watchers;
    this.captured = [this.checkpoints(), this.handoffs(), this.progress()];
  }

  start(): void {
    try {
      this.watcher = watch(this.files.state.path, { persistent: false }, () => this.lookSoon());
      this.watcher.on('error', () => this.watcher?.close());
    } catch {
      // No watches left on this machine: the poll finds changes too.
    }
    this.poll = setInterval(() => this.lookSoon(), POLL_MS);
  }

  /** Takes what is there now, for the last time. Rejects when that is not done within `timeoutMs`. */
  async finish(timeoutMs: number): Promise<void> {
    this.watcher?.close();
    clearInterval(this.poll);
    clearTimeout(this.pause);
    const last = this.running.then(() => this.look(true));
    await within(timeoutMs, last).finally(() => {
      this.closed = true;
    });
  }

  private lookSoon(): void {
    if (this.pause !== undefined) return;
    const wait = Math.max(0, this.lastLook + PAUSE_MS - Date.now());
    this.pause = setTimeout(() => {
      this.running = this.running
        .then(() => this.look(false))
        .finally(() => {
          this.pause = undefined;
        });
    }, wait);
  }

  private async look(final: boolean): Promise<void> {
    this.lastLook = Date.now();
    for (const captured of this.captured) {
      if (this.closed) return;
      try {
        await this.lookAt(captured, final);
      } catch (error) {
        this.failed(captured.name, error);
      }
    }
  }

  private async lookAt(captured: Captured, final: boolean): Promise<void> {
    const found = await this.files.state.stat(captured.name);
    if (!found || found.version === captured.handled) return;
    const limit = captured.takeLarge ? LARGE_LIMIT : FILE_LIMIT;
    const bytes = found.size > FILE_LIMIT ? undefined : await this.files.state.read(captured.name, FILE_LIMIT);
    if (found.size > limit) {
      this.watchers.say(`${captured.name} has ${found.size} bytes, more than the limit of ${limit}: it was not saved`);
    } else if (bytes || found.size > FILE_LIMIT) {
      const problem = bytes ? await captured.take(bytes) : await captured.takeLarge!();
      if (problem !== undefined && !final && captured.suspect !== found.version) {
        captured.suspect = found.version;
        return;
      }
      if (problem !== undefined) this.watchers.say(`${captured.name} ${problem}: it was not saved`);
    }
    captured.handled = found.version;
  }

  private failed(name: string, error: unknown): void {
    if ((error as { code?: unknown }).code === 'stale_epoch') {
      this.closed = true;
      this.watchers.stale();
      return;
    }
    const failure = `${name} could not be saved: ${(error as Error).message}`;
    if (failure !== this.lastFailure) this.watchers.say(`${failure}; trying again`);
    this.lastFailure = failure;
  }

  private checkpoints(): Captured {
    let last: Uint8Array | undefined;
    return {
      name: CHECKPOINT,
      handled: this.files.laidVersion(CHECKPOINT),
      take: async (bytes) => {
        if (last && bytes.equals(last)) return undefined;
        const parsed = parseJson(bytes);
        if ('problem' in parsed) return parsed.problem;
        await this.session.checkpoint(bytes);
        last = bytes;
        return undefined;
      },
      takeLarge: this.session.streamCheckpoint && (() => this.takeLarge(CHECKPOINT, () => (last = undefined))),
    };
  }

  private async takeLarge(name: string, taken: () => void): Promise<string | undefined> {
    if (!(await isWholeJson(this.files.state.stream(name, LARGE_LIMIT))))
      return 'is no whole JSON text; write another file and rename it to this name';
    await this.session.streamCheckpoint!(this.files.state.stream(name, LARGE_LIMIT));
    taken();
    return undefined;
  }

  private handoffs(): Captured {
    let last = this.session.handoff ?? '';
    return {
      name: HANDOFF,
      handled: this.files.laidVersion(HANDOFF),
      take: async (bytes) => {
        const markdown = bytes.toString('utf8');
        if (markdown.trim() === '' || markdown === last) return undefined;
        await this.session.writeHandoff(markdown);
        last = markdown;
        return undefined;
      },
    };
  }

  private progress(): Captured {
    return {
      name: 'progress.json',
      handled: undefined,
      take: (bytes) => {
        const parsed = parseJson(bytes);
        if ('problem' in parsed) return Promise.resolve(parsed.problem);
        const progress = readProgress(parsed.value);
        if (progress) this.session.progress(progress);
        return Promise.resolve(progress ? undefined : 'must be like {"done": 3, "total": 10, "note": "what is done"}');
      },
    };
  }
}

/** Undefined when nothing in it is progress. */
export function readProgress(value: unknown): { done?: number; total?: number; note?: string } | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { done, total, note } = value as Record<string, unknown>;
  const progress = {
    ...(typeof done === 'number' ? { done } : {}),
    ...(typeof total === 'number' ? { total } : {}),
    ...(typeof note === 'string' ? { note: note.slice(0, 500) } : {}),
  };
  return Object.keys(progress).length > 0 ? progress : undefined;
}
