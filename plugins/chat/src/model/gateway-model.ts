import { AnswerReader, BrokenAnswer, eventData, type ModelAnswer } from './answer.js';
import { ModelRefusal, readRefusal } from './refusal.js';
import { type ModelSettings, type Question, requestBody } from './request.js';
import { type Retries, retrying } from './retries.js';

/** Between two pieces of an answer; models that think long say nothing meanwhile. */
const SILENCE_MS = 300_000;
const ERROR_BYTES = 64 * 1024;
const WINDOW_MS = 5_000;
const LIST_BYTES = 4 * 1024 * 1024;

export interface Asked {
  answer: ModelAnswer;
  requestBytes: number;
}

export interface GatewayOptions {
  settings: ModelSettings;
  retries: Retries;
  say: (line: string) => void;
  /** Tokens that a call used, as the gateway tells them. */
  spent: (tokens: number) => void;
}

/** The gateway as a session reaches it: OpenAI's chat completions, with the session's own key. */
export class GatewayModel {
  private readonly base: string;
  private readonly key: string;
  private readonly options: GatewayOptions;

  constructor(environment: Readonly<Record<string, string>>, options: GatewayOptions) {
    this.base = (environment.OPENAI_BASE_URL ?? '').replace(/\/+$/, '');
    this.key = environment.OPENAI_API_KEY ?? '';
    this.options = options;
  }

  /** Rejects with a ModelRefusal that waiting cannot mend, or with the signal's reason. */
  ask(question: Question, signal: AbortSignal): Promise<Asked> {
    const body = JSON.stringify(requestBody(this.options.settings, question));
    return retrying(this.options.retries, signal, this.options.say, () => this.once(body, signal));
  }

  /** The size of the model's window, where the gateway knows it. */
  async window(signal: AbortSignal): Promise<number | undefined> {
    try {
      const response = await fetch(`${this.base}/models`, {
        headers: { authorization: `Bearer ${this.key}` },
        signal: AbortSignal.any([signal, AbortSignal.timeout(WINDOW_MS)]),
      });
      const { data } = JSON.parse(await text(response, LIST_BYTES)) as {
        data?: { id?: unknown; context_window?: unknown }[];
      };
      const { model } = this.options.settings;
      const found = data?.find(({ id }) => id === model) ?? data?.find(({ id }) => model.endsWith(`/${String(id)}`));
      return typeof found?.context_window === 'number' ? found.context_window : undefined;
    } catch {
      // It is learned from refusals then.
      return undefined;
    }
  }

  private async once(body: string, signal: AbortSignal): Promise<Asked> {
    const silence = new Silence(signal);
    try {
      const response = await fetch(`${this.base}/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${this.key}` },
        body,
        signal: silence.signal,
      });
      if (!response.ok) {
        const said = await text(response, ERROR_BYTES);
        throw new ModelRefusal(readRefusal(response.status, response.headers, said, Date.now()));
      }
      const answer = await readAnswer(response, silence);
      const { usage } = answer;
      if (usage) this.options.spent(usage.promptTokens + usage.completionTokens);
      return { answer, requestBytes: Buffer.byteLength(body) };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ModelRefusal) throw error;
      throw new ModelRefusal({ kind: 'later', code: 'no_answer', message: inWords(error), afterMs: undefined });
    } finally {
      silence.end();
    }
  }
}

/** Aborts what says nothing for too long, or when the caller's signal does. */
class Silence {
  readonly signal: AbortSignal;
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;

  constructor(outer: AbortSignal) {
    this.signal = AbortSignal.any([outer, this.controller.signal]);
    this.heard();
  }

  heard(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => this.controller.abort(new Error(`the model said nothing for ${SILENCE_MS / 1000} s`)),
      SILENCE_MS,
    );
  }

  end(): void {
    clearTimeout(this.timer);
    // Closes a connection whose answer was not read to its end: that is how the gateway learns of it.
    this.controller.abort(new Error('nobody reads on'));
  }
}

async function readAnswer(response: Response, silence: Silence): Promise<ModelAnswer> {
  const reader = new AnswerReader();
  if (!response.body) throw new BrokenAnswer('an answer without a body');
  if (!(response.headers.get('content-type') ?? '').includes('event-stream')) {
    reader.take(await text(response, ERROR_BYTES * 64));
    return reader.end();
  }
  for await (const data of eventData(audible(response.body as AsyncIterable<Uint8Array>, silence))) {
    if (data === '[DONE]' || !reader.take(data)) break;
  }
  return reader.end();
}

/** Comments count too: they say that somebody still works on the answer. */
async function* audible(body: AsyncIterable<Uint8Array>, silence: Silence): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    silence.heard();
    yield chunk;
  }
}

async function text(response: Response, most: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > most) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function inWords(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? `${message}: ${cause.message}` : message;
}
