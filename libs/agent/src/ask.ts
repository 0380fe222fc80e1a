import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** What the control API refused, with its own code: `stale_epoch` means that a newer session has taken over. */
export class ControlError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ControlError';
    this.status = status;
    this.code = code;
  }
}

export interface Question {
  method: 'GET' | 'POST';
  path: string;
  body?: string | Uint8Array;
  /** Does not keep the program alive. */
  background?: boolean;
  timeoutMs?: number;
}

interface Answer {
  status: number;
  text: string;
}

const TIMEOUT_MS = 15_000;
/** All questions can be asked again: they say the same, and the journal knows a repeated try. */
const ATTEMPTS = 6;
const FIRST_WAIT_MS = 100;

/** The answer's text; undefined when there is none. */
export async function ask(base: string, question: Question): Promise<string | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { status, text } = await send(base, question);
      if (status === 204) return undefined;
      if (status < 300) return text;
      const error = refusal(status, text);
      if (status < 500 || attempt === ATTEMPTS) throw error;
    } catch (error) {
      if (error instanceof ControlError || attempt === ATTEMPTS) throw error;
    }
    await delay(FIRST_WAIT_MS * 2 ** (attempt - 1), undefined, { ref: question.background !== true });
  }
}

function send(base: string, { method, path, body, background, timeoutMs = TIMEOUT_MS }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request(`${base}/${path}`, { method, timeout: timeoutMs, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    if (background) asking.on('socket', (socket) => socket.unref());
    asking.on('timeout', () => asking.destroy(new Error(`no answer to ${method} ${path} within ${timeoutMs} ms`)));
    asking.on('error', reject);
    asking.end(body);
  });
}

function refusal(status: number, text: string): ControlError {
  try {
    const { code, message } = (JSON.parse(text) as { error: { code: string; message: string } }).error;
    return new ControlError(status, code, message);
  } catch {
    return new ControlError(status, 'internal', text.slice(0, 500));
  }
}
