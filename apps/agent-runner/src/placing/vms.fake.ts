import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { headers, type Msg } from '@nats-io/nats-core';
import type { Bus } from '@purser/bus';
import {
  type Operation,
  PROGRAM_SCRIPT,
  type PurserError,
  type RequestOf,
  servedOn,
  sessionComponent,
  type Vm,
  vmsHeartbeat,
  vmsKeep,
  vmsLeave,
  vmsPlace,
} from '@purser/contracts';
// eslint-disable-next-line @nx/enforce-module-boundaries -- in a spec, what is at the other end of the bus is the real one
import { Config as AgentConfig, runAgent } from '@purser/vm-agent';

interface Life {
  vm: Vm;
  session: string;
  folder: string;
  agent: Promise<void>;
  /** As the platform ends it. */
  end: () => void;
}

/** The offload-manager as a runner sees it: VMs are processes here, each with a real agent. */
export class FakeVms {
  readonly wishes: RequestOf<typeof vmsPlace>[] = [];
  readonly lives: Life[] = [];
  /** What is answered in place of a VM. */
  refusal: PurserError | undefined;
  /** What an agent says of itself. */
  readonly said: string[] = [];
  private silent = false;

  constructor(
    private readonly bus: Bus,
    private readonly lifeMs = 3_600_000,
  ) {
    this.serve(vmsPlace, (wish) => this.place(wish));
    this.serve(vmsKeep, ({ vm }) => ({
      state: this.alive.includes(vm) ? 'ready' : 'gone',
      reason: 'as the spec says',
      made: true,
    }));
    this.serve(vmsLeave, ({ session }) => this.leave(session));
    this.serve(vmsHeartbeat, () => ({ do: 'wait' }));
  }

  get alive(): string[] {
    return this.lives.filter(({ vm }) => vm.state === 'ready').map(({ vm }) => vm.id);
  }

  /** Nobody answers agents any more, nor runners. */
  fallSilent(): void {
    this.silent = true;
  }

  async close(): Promise<void> {
    for (const life of this.lives) {
      life.end();
      await life.agent;
      await rm(life.folder, { recursive: true, force: true });
    }
  }

  private async place(wish: RequestOf<typeof vmsPlace>): Promise<Vm> {
    this.wishes.push(wish);
    if (this.refusal) throw this.refusal;
    const known = this.lives.find(({ session }) => session === wish.session);
    if (known) return known.vm;
    const id = `vm${this.lives.length + 1}`;
    const folder = await mkdtemp(join(tmpdir(), 'purser-vm-'));
    const component = spawn('sh', ['-c', PROGRAM_SCRIPT], {
      detached: true,
      stdio: 'ignore',
      env: { PATH: process.env.PATH, PURSER_VM_FOLDER: folder, OF_THE_IMAGE: 'yes' },
    });
    const over = new AbortController();
    const expires = Date.now() + this.lifeMs;
    const config = AgentConfig.parse({
      PURSER_VM_ID: id,
      PURSER_VM_COMPONENT: sessionComponent(wish.session),
      PURSER_NATS_URL: `nats://vm:password@${this.bus.connection.getServer()}`,
      PURSER_VM_FOLDER: folder,
      PURSER_VM_HEARTBEAT_MS: '50',
      PURSER_VM_EXPIRES: String(Math.floor(expires / 1_000) + 60),
    });
    const vm = vmOf(id, wish, expires);
    const say = (message: string, fields: object = {}) => this.said.push(`${message} ${JSON.stringify(fields)}`);
    const agent = runAgent(config, say, over.signal).finally(() => {
      vm.state = 'gone';
      return killed(component);
    });
    this.lives.push({ vm, session: wish.session, folder, agent, end: () => over.abort() });
    return vm;
  }

  private leave(session: string): { state: Vm['state'] | null } {
    const life = this.lives.find((one) => one.session === session);
    life?.end();
    return { state: life ? 'deleting' : null };
  }

  private serve<O extends Operation>(operation: O, handler: (request: RequestOf<O>) => unknown): void {
    this.bus.connection.subscribe(servedOn(operation), {
      callback: (_, message) => {
        if (!this.silent) void answer(message, () => handler(operation.request.parse(message.json()) as RequestOf<O>));
      },
    });
  }
}

async function answer(message: Msg, work: () => unknown): Promise<void> {
  try {
    message.respond(JSON.stringify(await work()));
  } catch (error) {
    const { code, status, message: words } = error as PurserError;
    const head = headers();
    head.set('Nats-Service-Error-Code', String(status));
    message.respond(JSON.stringify({ error: { code, message: words, details: {} } }), { headers: head });
  }
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await gone;
}

export function vmOf(id: string, { session, memoryMb }: RequestOf<typeof vmsPlace>, expires: number): Vm {
  const now = new Date().toISOString();
  return {
    id,
    name: id,
    provider: 'fake',
    zone: 'here',
    machineType: 'small',
    spot: false,
    memoryMb,
    diskGb: 20,
    component: sessionComponent(session),
    state: 'ready',
    reason: 'as the spec says',
    requestedAt: now,
    createdAt: now,
    readyAt: now,
    heardAt: now,
    expiresAt: new Date(expires).toISOString(),
    goneAt: null,
    heldUsd: '0.30',
    costUsd: '0.00',
    sentBytes: 0,
  };
}
