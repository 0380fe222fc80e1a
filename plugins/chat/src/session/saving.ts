import { setTimeout as delay } from 'node:timers/promises';
import type { ExecutorSession } from '@purser/plugin-sdk';
import { type ChatState, writeState } from '../conversation/state.js';
import { SessionOver } from './session-over.js';

const ATTEMPTS = 3;
const PAUSE_MS = 500;

/** Saves the conversation. What is not saved must not be gone on from: a call could be repeated after a crash. */
export class Saving {
  private readonly session: ExecutorSession;
  private readonly saved: () => void;
  private last: Uint8Array | undefined;

  /** `saved`: told after each save. */
  constructor(session: ExecutorSession, saved: () => void) {
    this.session = session;
    this.saved = saved;
  }

  async save(state: ChatState): Promise<void> {
    const bytes = writeState(state);
    if (this.last && Buffer.compare(bytes, this.last) === 0) {
      this.saved();
      return;
    }
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.session.checkpoint(bytes);
        this.last = bytes;
        this.saved();
        return;
      } catch (error) {
        const stale = (error as { code?: unknown }).code === 'stale_epoch';
        const why = stale
          ? 'a newer session owns the task'
          : `the conversation could not be saved: ${(error as Error).message}`;
        if (stale || attempt === ATTEMPTS || this.session.kill.aborted) {
          throw new SessionOver({ kind: 'continue', reason: why });
        }
        await delay(PAUSE_MS * attempt, undefined, { signal: this.session.kill }).catch(() => undefined);
      }
    }
  }
}
