import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import type { ProgramEnd } from '@purser/guard';
import type { AttendedProgram } from '@purser/program-session';
import { type Engine, wordsOf } from './engine.js';
import { splitStreams } from './log-streams.js';

/** Signs of life to the gate come this often, or more often when little time is left. */
const SIGN_MS = 1_000;
const SOONEST_SIGN_MS = 50;
/** When the session sets no time. */
const STANDSTILL_MS = 30_000;
const KILL_RETRY_MS = 500;
/** A container that is killed, or cannot be looked at, is believed to be ended then: its gate removes it in any case. */
const LAST_MS = 20_000;
/** 128 + SIGKILL. */
const KILLED = 137;

/** As a shell has it: what ended by a signal has 128 and its number. */
function endOf(code: number): ProgramEnd {
  const signal = Object.entries(constants.signals).find(([, number]) => code === 128 + number)?.[0];
  return { kind: 'exited', code: signal === undefined ? code : null, signal: signal ?? null };
}

/** A container at work, as a session's program. */
export class ContainerProgram implements AttendedProgram {
  readonly ended: Promise<ProgramEnd>;
  readonly survivors = 0;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Whether the engine ended something in it for want of memory, once `ended`. */
  outOfMemory = false;
  readonly id: string;
  private readonly engine: Engine;
  private readonly withinMs: () => number;
  private readonly over = new AbortController();
  private sign: NodeJS.Timeout | undefined;
  private saidMs = 0;
  private killing = false;

  /** Starts what was made. Rejects when it cannot be started; the container is to be removed then. */
  static async start(engine: Engine, id: string, aliveWithinMs: (() => number) | undefined): Promise<ContainerProgram> {
    const withinMs = aliveWithinMs ?? (() => STANDSTILL_MS);
    await engine.watch(id, withinMs());
    await engine.start(id);
    return new ContainerProgram(engine, id, withinMs, splitStreams(await engine.output(id)));
  }

  private constructor(
    engine: Engine,
    id: string,
    withinMs: () => number,
    output: { stdout: Readable; stderr: Readable },
  ) {
    this.engine = engine;
    this.id = id;
    this.withinMs = withinMs;
    this.stdout = output.stdout;
    this.stderr = output.stderr;
    void this.giveSigns();
    this.ended = this.waitForEnd();
  }

  /** Its first process passes the signal on to all of the program's group. */
  terminate(): void {
    this.engine.kill(this.id, 'SIGTERM').catch(() => undefined);
  }

  kill(): void {
    if (this.killing) return;
    this.killing = true;
    void this.keepKilling();
  }

  memoryMb(): Promise<number | undefined> {
    return this.engine.memoryMb(this.id).catch(() => undefined);
  }

  /** When what it printed has been read. What cannot be removed now is removed by the gate. */
  async remove(): Promise<void> {
    this.over.abort();
    clearTimeout(this.sign);
    await this.engine.remove(this.id).catch(() => undefined);
  }

  private async keepKilling(): Promise<void> {
    const deadline = Date.now() + LAST_MS;
    while (!this.over.signal.aborted && Date.now() < deadline) {
      const done = await this.engine.kill(this.id, 'SIGKILL').then(
        () => true,
        () => false,
      );
      if (done) return;
      await new Promise((resolve) => setTimeout(resolve, KILL_RETRY_MS));
    }
    this.over.abort();
  }

  /** Only while this process runs: whatever stops it stops the signs. */
  private async giveSigns(): Promise<void> {
    const withinMs = this.withinMs();
    this.saidMs = withinMs;
    const watched = await this.engine.watch(this.id, withinMs).catch(() => true);
    if (this.over.signal.aborted || !watched) return;
    const next = Math.min(SIGN_MS, Math.max(SOONEST_SIGN_MS, withinMs / 4));
    this.sign = setTimeout(() => void this.giveSigns(), next);
  }

  private async waitForEnd(): Promise<ProgramEnd> {
    let lost = 'the engine does not know it any more';
    const noteLoss = (error: unknown): undefined => {
      lost = wordsOf(error);
      return undefined;
    };
    const code = await this.engine.wait(this.id, this.over.signal).catch(noteLoss);
    const found = await this.engine.ending(this.id).catch(noteLoss);
    this.outOfMemory = found?.outOfMemory ?? false;
    if (!this.killing && (code === KILLED || !found) && (await this.isDeserted()))
      return { kind: 'deserted', withinMs: this.saidMs };
    if (code !== undefined && found) return endOf(code);
    return { kind: 'guard_lost', detail: lost };
  }

  /** Whether the gate gave it up, since it heard nothing for as long as was said last. */
  private isDeserted(): Promise<boolean> {
    return this.engine.watch(this.id, this.saidMs).then(
      (watched) => !watched,
      () => false,
    );
  }
}
