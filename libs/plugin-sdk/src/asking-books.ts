import { setTimeout as pause } from 'node:timers/promises';
import { conceal } from './conceal.js';
import { failureFromNetwork, retryAfterMs } from './provider-failures.js';

/** What went wrong may go well in a moment. */
export class TryAgain extends Error {
  constructor(
    message: string,
    /** How long the other side asks to be left alone. */
    readonly afterMs?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'TryAgain';
  }
}

/** A reading is repeated in minutes or hours anyway; within one nobody waits longer than this. */
const MOST_WAIT_MS = 60_000;
const MOST_ATTEMPTS = 4;
const ANSWER_WITHIN_MS = 60_000;
const FIRST_WAIT_MS = 250;

/** Waits for work that may not know the signal. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const left = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: left.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    left.abort();
  }
}

async function once<T>(attempt: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  const late = AbortSignal.timeout(ANSWER_WITHIN_MS);
  const either = AbortSignal.any([signal, late]);
  try {
    return await unlessAborted(either, attempt(either));
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) throw new TryAgain(`no answer within ${ANSWER_WITHIN_MS / 1000} s`, undefined, { cause: error });
    throw error;
  }
}

/**
 * Repeats what fails with `TryAgain`: after as long as it asks for, else with growing pauses; a few times, and not when it
 * asks for more than a minute. Rejects with the signal's reason when it is aborted, also in a pause.
 */
export async function patiently<T>(attempt: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    signal.throwIfAborted();
    try {
      return await once(attempt, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TryAgain)) throw error;
      const { message, afterMs } = error;
      if (tried === MOST_ATTEMPTS) throw new Error(`${message} (tried ${tried} times)`, { cause: error });
      const wait = afterMs ?? FIRST_WAIT_MS * 2 ** (tried - 1) * (1 + Math.random());
      if (wait > MOST_WAIT_MS)
        throw new Error(`${message}; not again for ${Math.ceil(wait / 1000)} s, it says`, { cause: error });
      await pause(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

export interface BooksRequest {
  url: URL;
  headers: Record<string, string>;
  signal: AbortSignal;
  /** Never shown, whatever the other side repeats of them. */
  secrets: readonly (string | undefined)[];
  /** Whose books, for errors. */
  books: string;
  /** How a person mends it that the other side refuses with this status. */
  remedy: (status: number) => string | undefined;
}

/** What a server says is wrong: `{"error": {"message"}}`, `{"message"}`, or its text. */
function said(text: string): string {
  try {
    const body = JSON.parse(text) as { error?: { message?: unknown } | string; message?: unknown } | null;
    const nested = typeof body?.error === 'object' ? body.error.message : body?.error;
    const message = [nested, body?.message].find((value) => typeof value === 'string');
    if (message !== undefined) return message.slice(0, 500);
  } catch {
    // The text itself says what there is to say.
  }
  return text.slice(0, 200).trim();
}

/** Statuses that a later request may not meet. */
export const passes = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/** The text of an answer with success, asked for patiently. */
export async function askBooks(request: BooksRequest): Promise<string> {
  const { url, headers, secrets, books } = request;
  return patiently(async (signal) => {
    let response: Response;
    let text: string;
    try {
      // A redirect would carry the key to wherever it leads.
      response = await fetch(url, { headers, signal, redirect: 'manual' });
      text = await response.text();
    } catch (error) {
      signal.throwIfAborted();
      throw new TryAgain(conceal(failureFromNetwork(error, `${books} at ${url.origin}`).message, secrets));
    }
    if (response.ok) return text;
    const { status } = response;
    const told = conceal(`${books} at ${url.origin} answered with status ${status}: ${said(text)}`, secrets);
    if (passes(status)) throw new TryAgain(told, retryAfterMs(response.headers));
    const remedy = request.remedy(status);
    throw new Error(remedy === undefined ? told : `${told}. ${remedy}`);
  }, request.signal);
}

/** More pages than any books have: a server that never ends must not be read for ever. */
const MOST_PAGES = 1000;

/** All pages of something; `page` answers with the next cursor, or with undefined after the last one. */
export async function everyPage(page: (cursor: string | undefined) => Promise<string | undefined>): Promise<void> {
  const seen = new Set<string>();
  let cursor: string | undefined;
  do {
    cursor = await page(cursor);
    if (cursor !== undefined && (seen.has(cursor) || seen.size === MOST_PAGES))
      throw new Error('its pages never end: the same cursor came again, or more than a thousand of them');
    if (cursor !== undefined) seen.add(cursor);
  } while (cursor !== undefined);
}
