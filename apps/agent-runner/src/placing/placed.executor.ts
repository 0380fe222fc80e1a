import { Injectable } from '@nestjs/common';
import { Bus, SessionLink } from '@purser/bus';
import { type Assignment, sessionLink } from '@purser/contracts';
import { chooseUser, giveWorkspace } from '@purser/guard';
import { type Executor, type ExecutorResult, type ExecutorSession, reasonOf, SessionLog } from '@purser/plugin-sdk';
import { attend } from '@purser/program-session';
import { MirroredFiles } from './mirrored-files.js';
import { PlacedInput } from './placed-input.js';
import { NotPlaced } from './problems.js';
import { RemoteProgram } from './remote-program.js';
import { RunnerDoors } from './runner-doors.js';
import { SessionVm } from './session-vm.js';
import { startOrder } from './start-order.js';
import { LinkCut, VmClient } from './vm-client.js';

/** For the agent of a VM that is ready to answer its runner. */
const LINK_MS = 60_000;

/** For tasks that say nothing. */
const STANDARD_MB = 1_024;
const LEAST_MB = 6;

type Task = Pick<Assignment, 'project' | 'ancestors' | 'limits'>;

/** Runs sessions on VMs of their own, by the same contract as programs here; all but the program stays with this runner. */
@Injectable()
export class PlacedExecutor {
  private readonly running = new Map<string, RemoteProgram>();

  constructor(private readonly bus: Bus) {}

  for(task: Task): Executor {
    return {
      input: PlacedInput,
      run: (session) => this.run(session, task),
      memoryMb: (sessionId) => Promise.resolve(this.running.get(sessionId)?.memoryMb),
    };
  }

  private async run(session: ExecutorSession, task: Task): Promise<ExecutorResult> {
    const input = PlacedInput.parse(session.input);
    const log = new SessionLog(session);
    const stop = AbortSignal.any([session.kill, session.wrap]);
    let vm: SessionVm | undefined;
    try {
      vm = await this.place(session, task, input, stop, log);
      return await this.runOn(vm, session, input, stop, log);
    } catch (error) {
      if (error instanceof NotPlaced) return error.result;
      const asked = [session.kill, session.wrap].find(({ aborted }) => aborted);
      if (asked) return { kind: 'continue', reason: `${reasonOf(asked)}; the program was not started` };
      const { message: words, name } = error as Error;
      if (vm?.lost.aborted) return { kind: 'continue', reason: `its VM was lost: ${reasonOf(vm.lost)}` };
      if (error instanceof LinkCut || name === 'TimeoutError')
        return { kind: 'continue', reason: `its VM was not reached: ${words}` };
      const message = `the session could not be set up on its VM: ${words}`;
      return { kind: 'failed', error: { code: 'not_started', message } };
    } finally {
      await vm?.leave('its session is over');
    }
  }

  private place(
    { sessionId, taskId }: ExecutorSession,
    { project, ancestors, limits }: Task,
    { image, memoryMb = limits.memoryMb ?? STANDARD_MB }: PlacedInput,
    stop: AbortSignal,
    log: SessionLog,
  ): Promise<SessionVm> {
    const wish = {
      session: sessionId,
      task: taskId,
      ancestors,
      project,
      memoryMb: Math.max(LEAST_MB, Math.ceil(memoryMb)),
      ...(image !== undefined && { image }),
    };
    log.say('a VM is asked for');
    return SessionVm.place(this.bus, wish, stop, (line) => log.say(line));
  }

  private async runOn(
    vm: SessionVm,
    session: ExecutorSession,
    input: PlacedInput,
    stop: AbortSignal,
    log: SessionLog,
  ): Promise<ExecutorResult> {
    const { toVm, fromVm } = sessionLink(vm.vm.id);
    const ends = { connection: this.bus.connection, hear: fromVm, say: toVm };
    const given = AbortSignal.any([stop, vm.lost]);
    const link = await SessionLink.open(ends, AbortSignal.any([given, AbortSignal.timeout(LINK_MS)]));
    const client = new VmClient(link);
    // Files may be on their way for minutes.
    const cut = (): void => client.close();
    given.addEventListener('abort', cut);
    if (given.aborted) cut();
    const user = chooseUser(undefined, process.getuid?.() ?? -1);
    const files = new MirroredFiles(client, { ...session, user });
    const taken = new AbortController();
    let program: RemoteProgram | undefined;
    try {
      if (user) await giveWorkspace(session.workspace, user, session.kill);
      await files.prepare(session, session.input);
      await files.bringThere();
      const { order, addresses } = startOrder(session, input);
      new RunnerDoors(client, addresses);
      given.throwIfAborted();
      program = await RemoteProgram.start(
        {
          link,
          client,
          vm,
          files,
          aliveWithinMs: session.aliveWithinMs && (() => session.aliveWithinMs!()),
          kill: session.kill,
          preempted: () => taken.abort(new Error('its VM will be gone soon')),
          say: (line) => log.say(line),
        },
        order,
      );
      given.removeEventListener('abort', cut);
      log.say('the program runs on the VM');
      this.running.set(session.sessionId, program);
      const wrap = AbortSignal.any([session.wrap, vm.ending, taken.signal]);
      const result = await attend(
        { ...session, wrap },
        { program, files, stdout: program.stdout, stderr: program.stderr, argv0: input.argv[0]!, user: undefined, log },
      );
      return session.kill.aborted ? explain(result) : handedOver(explain(result), program.notBrought);
    } finally {
      this.running.delete(session.sessionId);
      program?.close();
      await files.close();
      client.close();
    }
  }
}

/**
 * What the program made is its files as well: without them it is not done, and what goes on from its checkpoint would miss
 * them.
 */
function handedOver(result: ExecutorResult, notBrought: string | undefined): ExecutorResult {
  if (notBrought === undefined || result.kind === 'failed') return result;
  const message = `what the program left on its VM is lost: ${notBrought}`;
  return { kind: 'failed', error: { code: 'not_brought', message } };
}

/** A lost VM counts as a session: one that is lost each time costs money, and ends for want of progress. */
function explain(result: ExecutorResult): ExecutorResult {
  if (result.kind !== 'failed' || result.error.code !== 'guard_lost') return result;
  return { kind: 'continue', reason: `its VM was lost: ${result.error.message.replace(/^[^:]*: /, '')}` };
}
