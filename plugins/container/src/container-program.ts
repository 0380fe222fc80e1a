import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProgramEnd } from '@purser/guard';
import type { AttendedProgram } from '@purser/program-session';
import { type Engine, type WordOfGate, wordsOf } from './engine.js';
import { splitStreams } from './log-streams.js';
import { SignsOfLife } from './signs-of-life.js';

/** When the session sets no time. */
const STANDSTILL_MS = 30_000;
const RETRY_MS = 500;
/** A container that is killed, or cannot be looked at, is believed to be ended then: its gate removes it in any case. */
const LAST_MS = 10_000;
/** 128 + SIGKILL. */
const KILLED = 137;

export interface ContainerWorld {
  /** The engine by way of the gate that runs now, which may be another one than a moment ago. */
  reach: () => Promise<Engine>;
  /** For how long from now the session may go on without this runner. */
  aliveWithinMs: (() => number) | undefined;
  /** Once aborted, a start is not waited for. */
  kill: AbortSignal;
  say: (line: string) => void;
}

/** As a shell has it: what ended by a signal has 128 and its number. */
function endOf(code: number): ProgramEnd {
  const signal = Object.entries(constants.signals).find(([, number]) => code === 128 + number)?.[0];
  return { kind: 'exited', code: signal === undefined ? code : null, signal: signal ?? null };
}

/**
 * Until a gate says that it is not there; once the signal came, for `lastMs` yet.
 * @returns whether one did
 */
export async function untilGone(
  reach: () => Promise<Engine>,
  id: string,
  signal: AbortSignal,
  lastMs = LAST_MS,
): Promise<boolean> {
  const over = new AbortController();
  let late: NodeJS.Timeout | undefined;
  const arm = (): void => void (late = setTimeout(() => over.abort(), lastMs));
  signal.addEventListener('abort', arm);
  if (signal.aborted) arm();
  try {
    while (!over.signal.aborted) {
      const removing = reach().then((engine) => engine.remove(id));
      if (await removing.catch(() => false)) return true;
      await delay(RETRY_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
    return false;
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', arm);
  }
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
  private readonly world: ContainerWorld;
  private readonly signs: SignsOfLife;
  private readonly over: AbortController;
  private readonly terminating = new AbortController();
  private killing = false;

  /**
   * Starts what was made, with signs of life from the beginning: an engine may take long to start it, and longer than a
   * session may stand still. Rejects when it cannot be started; the container is to be removed then.
   */
  static async start(engine: Engine, id: string, world: ContainerWorld): Promise<ContainerProgram> {
    const signs = new SignsOfLife(engine, id, world.aliveWithinMs ?? (() => STANDSTILL_MS));
    const over = new AbortController();
    const cut = (): void => over.abort();
    const cutBy = AbortSignal.any([signs.refused, world.kill]);
    cutBy.addEventListener('abort', cut);
    if (cutBy.aborted) cut();
    try {
      await engine.start(id, over.signal);
      const output = await engine.output(id, over.signal);
      return new ContainerProgram(engine, id, world, { signs, over, output });
    } catch (error) {
      signs.stop();
      throw signs.refused.aborted ? signs.refused.reason : error;
    } finally {
      cutBy.removeEventListener('abort', cut);
    }
  }

  private constructor(
    engine: Engine,
    id: string,
    world: ContainerWorld,
    { signs, over, output }: { signs: SignsOfLife; over: AbortController; output: Readable },
  ) {
    this.engine = engine;
    this.id = id;
    this.world = world;
    this.signs = signs;
    this.over = over;
    const { stdout, stderr } = splitStreams(output);
    this.stdout = stdout;
    this.stderr = stderr;
    this.ended = this.waitForEnd();
    void this.ended.finally(() => {
      signs.stop();
      this.terminating.abort();
    });
  }

  /** Its first process passes the signal on to all of the program's group. */
  terminate(): void {
    void this.repeat('SIGTERM', this.terminating.signal);
  }

  kill(): void {
    if (this.killing) return;
    this.killing = true;
    this.terminating.abort();
    const late = setTimeout(() => this.over.abort(), LAST_MS);
    void this.ended.finally(() => clearTimeout(late));
    void this.repeat('SIGKILL', this.over.signal);
  }

  memoryMb(): Promise<number | undefined> {
    return this.engine.memoryMb(this.id).catch(() => undefined);
  }

  /** When what it printed has been read. What cannot be removed now is removed by the gate. */
  async remove(): Promise<void> {
    this.over.abort();
    this.signs.stop();
    await this.world
      .reach()
      .then((engine) => engine.remove(this.id))
      .catch(() => undefined);
  }

  /** Until it arrives, or there is no sense in it any more. */
  private async repeat(signal: 'SIGTERM' | 'SIGKILL', until: AbortSignal): Promise<void> {
    for (let failures = 0; !until.aborted; failures += 1) {
      try {
        return await (await this.world.reach()).kill(this.id, signal);
      } catch (error) {
        if (failures === 0 && !until.aborted)
          this.world.say(`${signal} did not reach the container: ${wordsOf(error)}; it is sent again`);
      }
      await delay(RETRY_MS, undefined, { signal: until }).catch(() => undefined);
    }
  }

  private async waitForEnd(): Promise<ProgramEnd> {
    let lost = 'the engine does not know it any more';
    const noteLoss = (error: unknown): undefined => {
      lost = wordsOf(error);
      return undefined;
    };
    const { refused } = this.signs;
    const code = await this.engine.wait(this.id, AbortSignal.any([this.over.signal, refused])).catch(noteLoss);
    const found = this.over.signal.aborted ? undefined : await this.engine.ending(this.id).catch(noteLoss);
    this.outOfMemory = found?.outOfMemory ?? false;
    const word = this.killing || (code !== undefined && code !== KILLED && found) ? undefined : await this.wordOfGate();
    if (code !== undefined && found && word !== 'given_up') return endOf(code);
    // Whoever is told that it ended may have another session of the task begin.
    if (!(await untilGone(this.world.reach, this.id, this.over.signal, 0)))
      this.world.say('no gate said that the container is gone');
    if (word === 'given_up') return { kind: 'deserted', withinMs: this.signs.saidMs };
    return { kind: 'guard_lost', detail: word === 'unknown' ? 'its gate was started anew' : lost };
  }

  private wordOfGate(): Promise<WordOfGate | undefined> {
    return this.engine.watch(this.id, this.signs.saidMs).catch(() => undefined);
  }
}
