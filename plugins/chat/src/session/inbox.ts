import type { ExecutorSession, SessionSignal } from '@purser/plugin-sdk';
import type { ChatState } from '../conversation/state.js';
import { excerpt } from '../tools/excerpt.js';

const MOST_PAYLOAD = 20_000;

interface Letter {
  signal: SessionSignal;
  delivered: () => void;
  returned: (why: Error) => void;
}

const textOf = ({ name, payload, at }: SessionSignal): string => {
  const said = typeof payload === 'string' ? payload : JSON.stringify(payload ?? null);
  return `A message to you, sent at ${at} while you work (signal "${name}"): ${excerpt(said, MOST_PAYLOAD)}`;
};

/** Signals to the session. One is delivered when a conversation with it is saved; what is left goes to the next session. */
export class Inbox {
  private readonly waiting: Letter[] = [];
  private readonly taken: Letter[] = [];
  private closed = false;

  constructor(session: ExecutorSession) {
    session.onSignal?.(
      (signal) =>
        new Promise((delivered, returned) => {
          if (this.closed) returned(new Error('the session ends'));
          else this.waiting.push({ signal, delivered, returned });
        }),
    );
  }

  /** Between two turns. One that came before, to a session that saved it and died, is not said twice. */
  take(state: ChatState): void {
    for (const letter of this.waiting.splice(0)) {
      this.taken.push(letter);
      if (letter.signal.number <= (state.signals ?? 0)) continue;
      state.messages.push({ role: 'user', text: textOf(letter.signal) });
      state.signals = letter.signal.number;
    }
  }

  saved(): void {
    for (const { delivered } of this.taken.splice(0)) delivered();
  }

  close(): void {
    this.closed = true;
    for (const { returned } of [...this.taken.splice(0), ...this.waiting.splice(0)]) {
      returned(new Error('the session ends'));
    }
  }
}
