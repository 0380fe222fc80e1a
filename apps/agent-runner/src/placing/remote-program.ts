import { constants } from 'node:os';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { SessionLink } from '@purser/bus';
import { type ProgramEnd, pumpLines, Tail } from '@purser/guard';
import { type AttendedProgram, type StartOrder, VM_PATHS, VmNews } from '@purser/program-session';
import type { MirroredFiles } from './mirrored-files.js';
import { NewVersions } from './new-versions.js';
import type { SessionVm } from './session-vm.js';
import type { VmClient } from './vm-client.js';

/** When the session sets no time. */
const STANDSTILL_MS = 30_000;
const SIGN_MS = 1_000;
const SOONEST_SIGN_MS = 50;
/** After a signal that was not taken. */
const AGAIN_MS = 1_000;
/** For what the program left, once it has ended. */
const BRING_BACK_MS = 5 * 60_000;

export interface RemoteWorld {
  link: SessionLink;
  client: VmClient;
  vm: SessionVm;
  files: MirroredFiles;
  /** For how long from now the session may go on without this runner. */
  aliveWithinMs: (() => number) | undefined;
  /** Once aborted, nothing is waited for any more. */
  kill: AbortSignal;
  /** The VM is about to be gone. */
  preempted: () => void;
  say: (line: string) => void;
}

/** As a shell has it: what ended by a signal has 128 and its number. */
function endOf(code: number): ProgramEnd {
  const signal = Object.entries(constants.signals).find(([, number]) => code === 128 + number)?.[0];
  return { kind: 'exited', code: signal === undefined ? code : null, signal: signal ?? null };
}

/** A program at work on a VM, as a session's own. */
export class RemoteProgram implements AttendedProgram {
  readonly ended: Promise<ProgramEnd>;
  readonly survivors = 0;
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  /** In MiB, as its agent measured it last. */
  memoryMb: number | undefined;
  /** What it left and could not be had, once `ended`. */
  notBrought: string | undefined;
  private next: NodeJS.Timeout | undefined;
  private hasEnded = false;
  /** What it left was not here in time, and is not waited for any more. */
  private isLate = false;
  private isOver = false;
  private terminating: Promise<void> | undefined;
  private readonly versions: NewVersions;
  private killing: Promise<ProgramEnd> | undefined;
  private readonly killed: Promise<ProgramEnd>;
  private resolveKilled: (end: ProgramEnd) => void = () => undefined;

  /** With signs of life from the beginning. */
  static async start(world: RemoteWorld, order: StartOrder): Promise<RemoteProgram> {
    const program = new RemoteProgram(world);
    await world.client.send('POST', VM_PATHS.start, JSON.stringify(order));
    return program;
  }

  private constructor(private readonly world: RemoteWorld) {
    this.giveSign();
    this.versions = new NewVersions(world.files, world.say);
    this.killed = new Promise((resolve) => (this.resolveKilled = resolve));
    const cut = world.client.over.then((why) => (this.isLate ? never() : why));
    const lost = Promise.race([cut, reasonOf(world.vm.lost)]).then((why): ProgramEnd => {
      return { kind: 'guard_lost', detail: why };
    });
    this.ended = Promise.race([this.follow(), lost, this.killed]);
    void this.ended.finally(() => {
      this.isOver = true;
      clearTimeout(this.next);
    });
    void this.print(VM_PATHS.stdout, this.stdout);
    void this.print(VM_PATHS.stderr, this.stderr);
  }

  terminate(): void {
    this.terminating ??= this.sendTerm();
  }

  /** With its VM. One that has ended by itself is not killed for what it left to be brought here. */
  kill(): void {
    if (this.hasEnded && !this.world.kill.aborted) return;
    const { client, vm } = this.world;
    this.killing ??= (async () => {
      client.send('POST', VM_PATHS.signal, 'KILL').catch(() => undefined);
      await vm.leave('its session was stopped');
      await vm.gone();
      return { kind: 'exited', code: null, signal: 'SIGKILL' };
    })();
    void this.killing.then(this.resolveKilled);
  }

  /** Signs of life stop, and so does all that is still there. */
  close(): void {
    void this.versions.close();
    clearTimeout(this.next);
    this.stdout.destroy();
    this.stderr.destroy();
  }

  /** Until it is taken: a link that is full may refuse it. */
  private async sendTerm(): Promise<void> {
    const { client, say } = this.world;
    for (let told = false; !this.isOver && !client.isOver; told = true) {
      try {
        return await client.send('POST', VM_PATHS.signal, 'TERM');
      } catch (error) {
        if (!told) say(`SIGTERM did not reach the VM: ${(error as Error).message}; it is sent again`);
      }
      await pause(AGAIN_MS, undefined, { ref: false });
    }
  }

  private giveSign(): void {
    const withinMs = this.world.aliveWithinMs?.() ?? STANDSTILL_MS;
    this.world.link.sign(withinMs);
    this.next = setTimeout(() => this.giveSign(), Math.min(SIGN_MS, Math.max(SOONEST_SIGN_MS, withinMs / 4)));
  }

  private async print(path: string, target: PassThrough): Promise<void> {
    try {
      await pipeline(await this.world.client.get(path), target);
    } catch {
      // What arrived until then is all there is.
      target.end();
    }
  }

  /** What its agent tells, until it has ended and what it left is here. Never ends when the link does. */
  private async follow(): Promise<ProgramEnd> {
    const { client, say } = this.world;
    let code: number | undefined;
    try {
      await pumpLines(await client.get(VM_PATHS.news), new Tail(0), (line) => {
        code ??= this.take(VmNews.parse(JSON.parse(line)));
      });
    } catch (error) {
      say(`what the VM tells cannot be followed: ${(error as Error).message}`);
    }
    if (code !== undefined) {
      this.hasEnded = true;
      await this.bringBack();
      // With the link went the rest of what it left: it counts as lost, too.
      return client.isOver && !this.isLate ? never() : endOf(code);
    }
    // It is not known what becomes of it: it counts as lost.
    client.close();
    return never();
  }

  /** Its exit code, when it has ended. */
  private take(news: VmNews): number | undefined {
    if (news.kind === 'end') return news.code;
    if (news.kind === 'memory') this.memoryMb = news.mb;
    else if (news.kind === 'preempted') this.world.preempted();
    else this.versions.add(news.name, news.size);
    return undefined;
  }

  private async bringBack(): Promise<void> {
    const { files, say, client } = this.world;
    const late = setTimeout(() => {
      this.isLate = true;
      client.close();
    }, BRING_BACK_MS);
    const tell = (what: string) => (error: Error) => {
      const why = this.isLate ? `it took longer than ${BRING_BACK_MS / 60_000} minutes` : error.message;
      this.notBrought ??= `${what}: ${why}`;
      say(`${what}: ${why}`);
    };
    await this.versions.close();
    await files.bringState().catch(tell('not all that it left was taken'));
    await files.bringWorkspace().catch(tell('the workspace stays as it was before'));
    clearTimeout(late);
  }
}

const never = (): Promise<never> => new Promise(() => undefined);

const reasonOf = (signal: AbortSignal): Promise<string> =>
  new Promise((resolve) => {
    const told = (): void => resolve((signal.reason as Error).message);
    if (signal.aborted) told();
    else signal.addEventListener('abort', told, { once: true });
  });
