import { headers, type Msg } from '@nats-io/nats-core';
import { createHash } from 'node:crypto';
import { Bus } from '@purser/bus';
import {
  type Assignment,
  budgetsList,
  emergencyShutdown,
  emergencyStatus,
  type ErrorCode,
  heartbeat,
  type KeyProof,
  keysCreate,
  keysRenew,
  keysRevoke,
  type Latch,
  type Signal,
  ledgerSum,
  type Operation,
  PurserError,
  type RequestOf,
  taskBudgetId,
  workAvailable,
  workClaim,
  workFinish,
  workHeartbeat,
} from '@purser/contracts';

type Handler<O extends Operation> = (request: RequestOf<O>) => unknown;
export type Finish = RequestOf<typeof workFinish>;

interface Key {
  proof: KeyProof | undefined;
  priority: number | undefined;
  paidOnly: boolean | undefined;
  ttlMs: number | undefined;
  ancestors: readonly string[] | undefined;
  renewals: number;
  revoked: boolean;
}

/** Orchestrator, gateway and watchdog as far as a runner sees them, on the real bus. */
export class OtherServices {
  leaseMs = 4_000;
  /** Operations that get no answer, as when the service is cut off. */
  readonly deaf = new Set<string>();
  readonly verdicts = new Map<string, 'lost' | 'cancel' | 'pause'>();
  /** What waits for each task. */
  readonly signals = new Map<string, Signal[]>();
  readonly claims: RequestOf<typeof workClaim>[] = [];
  readonly heartbeats: RequestOf<typeof workHeartbeat>[] = [];
  readonly finishes: Finish[] = [];
  readonly keys = new Map<string, Key>();
  /** Tokens by session, as the ledger has them. */
  readonly tokens = new Map<string, number>();
  /** Dollars by task: the limit of its budget, and what is settled of it. */
  readonly budgets = new Map<string, { limitUsd: string; settledUsd: string }>();
  readonly started: Assignment[] = [];
  latch: Latch = { serial: 1, active: false, by: 'spec', reason: 'none', at: new Date(0).toISOString() };
  /** Continuations after so many sessions wait for `release`, as what a runner gave back always does. */
  hold = Infinity;
  private readonly held: Assignment[] = [];
  private readonly waiting: Assignment[] = [];
  private readonly answered = new Map<string, Assignment[]>();
  private timer: NodeJS.Timeout | undefined;

  private constructor(readonly bus: Bus) {}

  static async start(url: string): Promise<OtherServices> {
    const bus = await Bus.connect({ url, service: 'orchestrator', instance: 'fake' });
    await bus.ensureStreams();
    const services = new OtherServices(bus);
    services.serve(emergencyStatus, () => ({ latch: services.latch, acknowledgements: [] }));
    services.serve(workClaim, (request) => services.claim(request));
    services.serve(workHeartbeat, (request) => services.beat(request));
    services.serve(workFinish, (request) => services.finish(request));
    services.serve(keysCreate, (request) => services.createKey(request));
    services.serve(keysRenew, (request) => services.renewKeys(request));
    services.serve(keysRevoke, ({ id }) => services.revokeKey(id));
    services.serve(ledgerSum, ({ ids }) => ({ sums: ids.map((id) => services.sum(id)) }));
    services.serve(budgetsList, ({ task }) => services.listBudgets(task ?? ''));
    await bus.connection.flush();
    services.timer = setInterval(() => void services.announce().catch(() => undefined), 500);
    await services.announce();
    return services;
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.bus.close();
  }

  async submit(task: Pick<Assignment, 'taskId' | 'input'> & Partial<Assignment>): Promise<void> {
    this.waiting.push({
      sessionId: '',
      epoch: 0,
      executor: 'command',
      limits: {},
      priority: 5,
      project: null,
      labels: [],
      deadline: null,
      parent: null,
      ancestors: [],
      continues: [],
      paidOnly: false,
      complexity: 'standard',
      workspace: null,
      grader: null,
      createdAt: new Date().toISOString(),
      ...task,
    });
    await this.bus.publish(workAvailable, undefined, {});
  }

  async release(): Promise<void> {
    this.waiting.push(...this.held.splice(0));
    await this.bus.publish(workAvailable, undefined, {});
  }

  sessionsOf(taskId: string): Assignment[] {
    return this.started.filter((one) => one.taskId === taskId);
  }

  finishesOf(taskId: string): Finish[] {
    return this.finishes.filter((one) => one.taskId === taskId);
  }

  async emergency(reason: string): Promise<void> {
    this.latch = { serial: this.latch.serial + 1, active: true, by: 'ada', reason, at: new Date().toISOString() };
    await this.bus.publish(emergencyShutdown, undefined, this.latch);
  }

  async announce(): Promise<void> {
    const at = new Date().toISOString();
    const beat = { service: 'cost-watchdog', instance: 'fake', version: '0', startedAt: at, at, latch: this.latch };
    await this.bus.publish(heartbeat, 'cost-watchdog.fake', beat);
  }

  private serve<O extends Operation>(operation: O, handler: Handler<O>): void {
    this.bus.connection.subscribe(operation.name, {
      callback: (_error, message) => {
        if (!this.deaf.has(operation.name))
          answer(message, () => handler(operation.request.parse(message.json()) as RequestOf<O>));
      },
    });
  }

  private claim(request: RequestOf<typeof workClaim>): unknown {
    this.claims.push(request);
    const known = this.answered.get(request.requestId);
    const assignments = known ?? this.waiting.splice(0, request.slots).map((task) => this.assign(task));
    this.answered.set(request.requestId, assignments);
    return { leaseMs: this.leaseMs, assignments };
  }

  private assign(task: Assignment): Assignment {
    const epoch = this.sessionsOf(task.taskId).length + 1;
    const assignment = { ...task, epoch, sessionId: `${task.taskId}-s${epoch}` };
    this.started.push(assignment);
    return assignment;
  }

  private beat(request: RequestOf<typeof workHeartbeat>): unknown {
    this.heartbeats.push(request);
    const verdictOf = (taskId: string) => this.verdicts.get(taskId) ?? ('extended' as const);
    const waiting = (taskId: string, received = 0) =>
      (this.signals.get(taskId) ?? []).filter(({ number }) => number > received);
    const sessions = request.sessions.map(({ taskId, epoch, signals }) => ({
      taskId,
      epoch,
      verdict: verdictOf(taskId),
      signals: waiting(taskId, signals),
    }));
    return { leaseMs: this.leaseMs, sessions };
  }

  private finish(request: Finish): unknown {
    const last = this.sessionsOf(request.taskId).at(-1);
    if (!last || last.epoch !== request.epoch) throw new PurserError('stale_epoch');
    this.finishes.push(request);
    const again = request.outcome.kind === 'continue';
    if (again && last.epoch < this.hold) this.waiting.push(last);
    else if (again || request.outcome.kind === 'released') this.held.push(last);
    return { state: again ? 'ready' : 'completed' };
  }

  private createKey({ id, name, proof, priority, paidOnly, ttlMs, ...of }: RequestOf<typeof keysCreate>): unknown {
    if (id === undefined) throw new PurserError('invalid_request');
    this.keys.set(id, { proof, priority, paidOnly, ttlMs, ancestors: of.ancestors, renewals: 0, revoked: false });
    return { key: { ...keyOf(id), name, task: of.task, session: of.session }, secret: null };
  }

  private renewKeys({ ids }: RequestOf<typeof keysRenew>): unknown {
    const renewed = ids.filter((id) => this.keys.get(id)?.revoked === false);
    for (const id of renewed) this.keys.get(id)!.renewals += 1;
    return { renewed };
  }

  private revokeKey(id: string): unknown {
    const key = this.keys.get(id);
    if (!key) throw new PurserError('not_found');
    key.revoked = true;
    return { ...keyOf(id), revokedAt: new Date().toISOString() };
  }

  private listBudgets(task: string): unknown {
    const found = this.budgets.get(task);
    const at = new Date().toISOString();
    const window = { id: 'w', startsAt: at, endsAt: null, leasedUsd: '0', presumedUsd: '0', remainingUsd: '0' };
    const thresholds = { warning: 0.75, critical: 0.9, cutoff: 1 };
    const rest = { id: taskBudgetId(task), scope: { task }, period: 'total', timezone: 'UTC', thresholds };
    const budget = found && {
      ...rest,
      limitUsd: found.limitUsd,
      onExhausted: 'free',
      level: 'ok',
      window: { ...window, settledUsd: found.settledUsd },
    };
    return { revision: 1, taskBudgetsRevision: 1, budgets: budget ? [budget] : [] };
  }

  private sum(id: string): unknown {
    return { id, amountUsd: '0', inputTokens: this.tokens.get(id) ?? 0, outputTokens: 0, requests: 0 };
  }
}

const keyOf = (id: string) => ({
  id,
  prefix: 'psk_0123456789abcdef',
  name: id,
  project: null,
  task: null,
  session: null,
  capabilities: null,
  models: null,
  requestsPerMinute: null,
  tokensPerMinute: null,
  createdAt: new Date().toISOString(),
  expiresAt: null,
  revokedAt: null,
});

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

function answer(message: Msg, work: () => unknown): void {
  try {
    message.respond(JSON.stringify(work()));
  } catch (error) {
    const known = error instanceof PurserError ? error : new PurserError('internal', { message: String(error) });
    const head = headers();
    head.set('Nats-Service-Error', known.code satisfies ErrorCode);
    head.set('Nats-Service-Error-Code', String(known.status));
    message.respond(JSON.stringify({ error: known.toJSON() }), { headers: head });
  }
}
