import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Tokenizer } from '@purser/plugin-sdk';
import { Log } from '@purser/service';
import type { TokenAnswer, TokenQuestion } from './tokenizer-thread.js';

/** A model with a larger context has no tokenizer here. */
const MOST_CHARACTERS = 4 * 1024 * 1024;
const MOST_WAITING = 16;
/** Its tables take some 100 MB, which are given back when nobody counted for so long. */
const IDLE_MS = 60_000;

/**
 * Counts tokens on a thread of its own: loading a tokenizer takes longer than other calls may wait, and so does counting a
 * long prompt.
 */
@Injectable()
export class Tokenizers implements OnModuleDestroy {
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, (tokens: number | undefined) => void>();
  private asked = 0;
  private idle: NodeJS.Timeout | undefined;

  constructor(private readonly log: Log) {}

  /** Never fewer than the texts have; undefined when there is too much to count, or too many ask at once. */
  count(tokenizer: Tokenizer, texts: readonly string[], signal: AbortSignal): Promise<number | undefined> {
    const characters = texts.reduce((sum, { length }) => sum + length, 0);
    if (characters > MOST_CHARACTERS || this.waiting.size >= MOST_WAITING || signal.aborted)
      return Promise.resolve(undefined);
    clearTimeout(this.idle);
    const question: TokenQuestion = { id: (this.asked += 1), tokenizer, texts };
    return new Promise((resolve) => {
      const answered = (tokens: number | undefined) => {
        signal.removeEventListener('abort', leave);
        this.waiting.delete(question.id);
        if (this.waiting.size === 0) this.rest();
        resolve(tokens);
      };
      const leave = () => answered(undefined);
      signal.addEventListener('abort', leave, { once: true });
      this.waiting.set(question.id, answered);
      (this.worker ??= this.begin()).postMessage(question);
    });
  }

  async onModuleDestroy(): Promise<void> {
    clearTimeout(this.idle);
    await this.end(this.worker);
  }

  private begin(): Worker {
    const worker = new Worker(new URL(`./tokenizer-thread${extname(import.meta.filename)}`, import.meta.url));
    worker.unref();
    worker.on('message', ({ id, tokens }: TokenAnswer) => this.waiting.get(id)?.(tokens));
    worker.on('error', (error: unknown) => {
      this.log.error({ error }, 'tokens could not be counted; holds are taken by bytes');
      void this.end(worker);
    });
    return worker;
  }

  private rest(): void {
    this.idle = setTimeout(() => void this.end(this.worker), IDLE_MS).unref();
  }

  /** Who still waits gets no count. */
  private async end(worker: Worker | undefined): Promise<void> {
    if (this.worker === worker) this.worker = undefined;
    for (const answered of [...this.waiting.values()]) answered(undefined);
    clearTimeout(this.idle);
    await worker?.terminate();
  }
}
