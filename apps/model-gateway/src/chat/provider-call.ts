import { PurserError } from '@purser/contracts';
import { type ChatChunk, isProviderError, ProviderError } from '@purser/plugin-sdk';

export interface CallLimits {
  totalMs: number;
  idleMs: number;
}

/**
 * The signal of one attempt: ends with the client's call, after the whole time, or after a silence. What waits on a
 * provider waits on this too, so that a plugin that ignores its signal holds nobody up.
 */
export class AttemptSignal {
  private readonly controller = new AbortController();
  private readonly total: NodeJS.Timeout;
  private idle: NodeJS.Timeout | undefined;
  private readonly onOuter = () => this.controller.abort(this.outer.reason);

  constructor(
    private readonly outer: AbortSignal,
    private readonly limits: CallLimits,
  ) {
    this.total = setTimeout(() => this.late(limits.totalMs), limits.totalMs);
    if (outer.aborted) this.onOuter();
    else outer.addEventListener('abort', this.onOuter, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Whether the client's call ended first; false when a clock ran out, or when all went well. */
  get cancelled(): boolean {
    return this.outer.aborted && this.signal.reason === this.outer.reason;
  }

  /** Calls back once, when the attempt or the client's call is over. */
  whenOver(callback: () => void): void {
    if (this.signal.aborted) callback();
    else this.signal.addEventListener('abort', callback, { once: true });
  }

  /** Starts to count the silence anew. */
  listen(): void {
    this.pause();
    this.idle = setTimeout(() => this.late(this.limits.idleMs), this.limits.idleMs);
  }

  pause(): void {
    clearTimeout(this.idle);
  }

  async race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.controller;
    if (signal.aborted) {
      work.catch(() => undefined);
      throw signal.reason as Error;
    }
    return new Promise<T>((resolve, reject) => {
      const stop = () => reject(signal.reason as Error);
      signal.addEventListener('abort', stop, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    });
  }

  /** Cancels what may still run upstream, and stops the clocks. */
  end(): void {
    clearTimeout(this.total);
    clearTimeout(this.idle);
    this.outer.removeEventListener('abort', this.onOuter);
    this.controller.abort(new Error('the attempt is over'));
  }

  private late(ms: number): void {
    this.controller.abort(
      new ProviderError('timeout', `nothing came from the provider for ${ms / 1000} s`, { mayBill: true }),
    );
  }
}

/** What was thrown, as a failure of the provider: anything unknown may have cost money. */
export function providerFailure(error: unknown): ProviderError {
  if (isProviderError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ProviderError('unknown', message, { mayBill: true, cause: error });
}

/** The error that a client gets when a provider fails after its answer had begun. */
export const brokenOff = (error: ProviderError): PurserError =>
  new PurserError('provider_failed', {
    message: `the provider failed after its answer had begun (${error.kind}: ${error.message})`,
    cause: error,
  });

const textBytes = (value: unknown): number => (typeof value === 'string' ? Buffer.byteLength(value) : 0);

interface Delta {
  content?: unknown;
  refusal?: unknown;
  reasoning?: unknown;
  reasoning_content?: unknown;
  tool_calls?: unknown;
  function_call?: unknown;
}

/** Bytes of model output in one message or delta. */
export function outputBytes(delta: Delta | null | undefined): number {
  if (!delta) return 0;
  const { content, refusal, reasoning, reasoning_content: thought, tool_calls: tools, function_call: call } = delta;
  const said = textBytes(content) + textBytes(refusal) + textBytes(reasoning) + textBytes(thought);
  return said + (tools ? textBytes(JSON.stringify(tools)) : 0) + (call ? textBytes(JSON.stringify(call)) : 0);
}

interface Choices {
  choices?: { delta?: Delta; message?: Delta }[];
}

export const chunkBytes = ({ chunk }: ChatChunk): number =>
  ((chunk as Choices).choices ?? []).reduce((sum, { delta }) => sum + outputBytes(delta), 0);

export const answerBytes = (completion: object): number =>
  ((completion as Choices).choices ?? []).reduce((sum, { message }) => sum + outputBytes(message), 0);

/** A chunk that only tells the usage; clients that did not ask for it do not expect it. */
export const isUsageOnly = ({ chunk, usage }: ChatChunk): boolean =>
  (usage !== undefined || chunk.usage !== undefined) && (chunk as Choices).choices?.length === 0;
