import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Begun,
  NothingDone,
  type Progress,
  type Resources,
  type Unknown,
  UnknownOutcome,
  type WrapAnswer,
} from './answers.ts';
import { ask, type Question } from './ask.ts';

/** Asks for a fresh session that goes on from the checkpoint. */
const CONTINUE_EXIT = 75;
const POLL_SECONDS = 25;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface EffectOptions<T> {
  /**
   * Finds out whether an effect of unknown outcome was carried out: `{ done: result }`, or undefined when it was not, so
   * that it is done now. Without it the effect throws UnknownOutcome.
   */
  unknown?: (effect: Unknown) => Promise<{ done: T } | undefined> | { done: T } | undefined;
}

/** This program's session of a Purser task. */
export class PurserSession {
  readonly taskId: string;
  readonly epoch: number;
  private readonly url: string;
  private readonly env: Environment;
  private readonly wrapping = new AbortController();
  private watching = false;

  constructor(url: string, env: Environment) {
    this.url = url.replace(/\/+$/, '');
    this.env = env;
    this.taskId = env.PURSER_TASK_ID ?? '';
    this.epoch = Number(env.PURSER_EPOCH ?? 0);
  }

  /** The task's input. */
  input<T = unknown>(): T {
    return JSON.parse(readFileSync(this.variable('PURSER_INPUT'), 'utf8')) as T;
  }

  async resources(): Promise<Resources> {
    return this.json({ method: 'GET', path: 'resources' });
  }

  /** Says how far it is. The answer says whether the next unit should be begun at all. */
  async progress(progress: Progress): Promise<WrapAnswer> {
    const answer = await this.json<WrapAnswer>({ method: 'POST', path: 'progress', body: JSON.stringify(progress) });
    if (answer.wrap) this.wrapUp(answer.reason);
    return answer;
  }

  /** The state that was saved last, by this session or the ones before it. */
  async state<T = unknown>(): Promise<T | undefined> {
    const text = await ask(this.url, { method: 'GET', path: 'checkpoint' });
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  /** Saves a state (1 MiB of JSON at most); it is stored when this resolves. */
  async checkpoint(state: unknown): Promise<void> {
    await ask(this.url, { method: 'POST', path: 'checkpoint', body: JSON.stringify(state) });
  }

  /** Leaves a document (Markdown) for the next session. */
  async handoff(markdown: string): Promise<void> {
    await ask(this.url, { method: 'POST', path: 'handoff', body: markdown });
  }

  /** A long unit is under way: should the session be asked to wrap up, let it end. @returns the seconds that were granted */
  async extend(seconds: number): Promise<number> {
    const body = JSON.stringify({ seconds });
    return (await this.json<{ seconds: number }>({ method: 'POST', path: 'extend', body })).seconds;
  }

  /** Aborted when the session is to wrap up: finish the unit at hand, save, and `continueLater()`. */
  get wrap(): AbortSignal {
    this.watch();
    return this.wrapping.signal;
  }

  /** Called once, with why, as soon as the session is to wrap up. */
  onWrap(listener: (reason: string) => void): void {
    const { wrap } = this;
    const tell = (): void => listener(String(wrap.reason));
    if (wrap.aborted) tell();
    else wrap.addEventListener('abort', tell, { once: true });
  }

  /**
   * Does something outside once, over all sessions of the task: when `key` has a result already, that is given back (as
   * JSON keeps it) and `work` is not called. An error leaves the outcome unknown, unless it is a NothingDone.
   */
  async effect<T>(key: string, work: () => Promise<T> | T, options: EffectOptions<T> = {}): Promise<T> {
    const begun = await this.begin(key);
    if (begun.state === 'done') return begun.result as T;
    if (begun.state === 'unknown') {
      const { epoch, sessionId, begunAt } = begun;
      const effect = { key, epoch, sessionId, begunAt };
      if (!options.unknown) throw new UnknownOutcome(effect);
      const found = await options.unknown(effect);
      if (found) return this.keep(key, found.done);
      await this.withdraw(key);
      return this.effect(key, work);
    }
    try {
      return await this.keep(key, await work());
    } catch (error) {
      if (error instanceof NothingDone) await this.withdraw(key);
      throw error;
    }
  }

  /** Makes room in the journal: an effect that will not be asked for again. */
  async forget(key: string): Promise<void> {
    await ask(this.url, { method: 'POST', path: 'effects/forget', body: JSON.stringify({ key }) });
  }

  /** The task is completed, with this result (1 MiB of JSON at most). Ends the program. */
  done(result?: unknown): never {
    if (result !== undefined) {
      const path = join(this.variable('PURSER_STATE_DIR'), 'result.json');
      writeFileSync(`${path}.new`, JSON.stringify(result));
      renameSync(`${path}.new`, path);
    }
    return process.exit(0);
  }

  /** A fresh session is to go on from the last checkpoint. Ends the program. */
  continueLater(): never {
    return process.exit(CONTINUE_EXIT);
  }

  private async begin(key: string): Promise<Begun> {
    const body = JSON.stringify({ key, attempt: randomUUID() });
    return this.json({ method: 'POST', path: 'effects/begin', body });
  }

  private async keep<T>(key: string, result: T): Promise<T> {
    await ask(this.url, {
      method: 'POST',
      path: 'effects/finish',
      body: JSON.stringify({ key, result: result ?? null }),
    });
    return result;
  }

  private async withdraw(key: string): Promise<void> {
    await ask(this.url, { method: 'POST', path: 'effects/withdraw', body: JSON.stringify({ key }) });
  }

  private async json<T>(question: Question): Promise<T> {
    return JSON.parse((await ask(this.url, question)) ?? 'null') as T;
  }

  private variable(name: string): string {
    const value = this.env[name];
    if (value === undefined) throw new Error(`${name} is not set: is this program run by Purser?`);
    return value;
  }

  /** From here on SIGTERM does not end the program by itself: it is one way to hear of the wrap. */
  private watch(): void {
    if (this.watching) return;
    this.watching = true;
    process.on('SIGTERM', () => this.wrapUp('SIGTERM'));
    void this.poll();
  }

  private async poll(): Promise<void> {
    const path = `wrap?seconds=${POLL_SECONDS}`;
    const question: Question = { method: 'GET', path, background: true, timeoutMs: (POLL_SECONDS + 5) * 1_000 };
    try {
      while (!this.wrapping.signal.aborted) {
        const { wrap, reason } = await this.json<WrapAnswer>(question);
        if (wrap) this.wrapUp(reason);
      }
    } catch {
      // The session is over, or its runner is: SIGTERM or SIGKILL tells it too.
    }
  }

  private wrapUp(reason: string | null): void {
    this.wrapping.abort(reason ?? 'no reason was given');
  }
}
