import type { Bus } from '@purser/bus';
import {
  type BudgetInput,
  Budget,
  type BudgetStatus,
  budgetsChanged,
  budgetsList,
  emergencyShutdown,
  heartbeat,
  type Latch,
  leasesGrant,
  leasesRead,
  leasesRecall,
  leasesReturn,
  type Operation,
  type RequestOf,
  type Spend,
  SpendBatch,
  STANDARD_PRIORITY,
} from '@purser/contracts';
import { formatUsd, maxNano, minNano, type Nano, parseUsd } from '@purser/money';

interface Lease {
  granted: Nano;
  returned: Nano;
  consumed: Nano;
}

interface Window {
  budget: BudgetStatus;
  limit: Nano;
  settled: Nano;
  leases: Map<string, Lease>;
}

function reservedIn({ budget: { reserve }, limit }: { budget: Budget; limit: Nano }): Nano {
  if (!reserve) return 0n;
  return 'share' in reserve ? BigInt(Math.ceil(Number(limit) * reserve.share)) : parseUsd(reserve.amountUsd);
}

const outstanding = ({ granted, returned, consumed }: Lease): Nano => granted - returned - consumed;

/** The rules of leases in memory, for gateways alone on a real bus. The real ones, in SQL, are the cost-watchdog's. */
export class FakeWatchdog {
  readonly windows = new Map<string, Window>();
  readonly spends: Spend[] = [];
  readonly asked: string[] = [];
  /** Whose budgets were read: a task's, or all that are not a task's. */
  readonly lists: string[] = [];
  /** Makes grants and says nothing. */
  mumbles = false;
  /** Answers to nobody, as one that is gone. */
  away = false;
  readGateways = new Set<string>();
  private revision = 1;
  private readonly changedTasks: string[] = [];
  private latch: Latch = { serial: 1, active: false, by: 'nobody', reason: 'none yet', at: new Date().toISOString() };
  private timer: NodeJS.Timeout | undefined;
  private readonly stops: (() => void)[] = [];

  constructor(private readonly bus: Bus) {}

  async start(): Promise<void> {
    const spends = await this.bus.jetstream.consumers.get('SPEND');
    const messages = await spends.consume({
      // Short, so that it soon notices a server that was killed.
      expires: 2_000,
      callback: (message) => {
        for (const spend of SpendBatch.parse(message.json<{ data: unknown }>().data).spends) this.record(spend);
      },
    });
    this.stops.push(() => messages.stop());
    this.serve(budgetsList, ({ task, only }) => {
      this.lists.push(task ?? only ?? 'all');
      return {
        revision: this.revision,
        taskBudgetsRevision: this.changedTasks.length,
        budgets: this.statuses().filter(({ scope }) =>
          task === undefined ? only === undefined || scope.task === undefined : scope.task === task,
        ),
      };
    });
    this.serve(budgetsChanged, ({ since }) => ({
      taskBudgetsRevision: this.changedTasks.length,
      tasks: [...new Set(this.changedTasks.slice(since))],
    }));
    this.serve(leasesGrant, (request) => this.grant(request));
    this.serve(leasesReturn, ({ gateway, windows }) => {
      for (const { windowId, returnedUsd } of windows) {
        const lease = this.lease(windowId, gateway);
        const returned = parseUsd(returnedUsd);
        if (returned > lease.returned) lease.returned = returned;
      }
      return { windows };
    });
    this.serve(leasesRead, ({ gateway }) => {
      this.readGateways.add(gateway);
      return {
        releases: 0,
        windows: [...this.windows].map(([windowId, { leases }]) => {
          const { granted, returned, consumed } = leases.get(gateway) ?? { granted: 0n, returned: 0n, consumed: 0n };
          return {
            windowId,
            grantedUsd: formatUsd(granted),
            returnedUsd: formatUsd(returned),
            consumedUsd: formatUsd(consumed),
            releasedUsd: '0.00',
          };
        }),
      };
    });
    this.timer = setInterval(() => void this.beat().catch(() => undefined), 500);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    for (const stop of this.stops) stop();
    await this.bus.connection.flush();
  }

  setBudget(input: BudgetInput, endsAt: string | null = null, startsAt = '2026-01-01T00:00:00Z'): void {
    const budget = Budget.parse(input);
    const id = `w-${budget.id}`;
    const known = this.windows.get(id);
    const window = known ?? {
      budget: this.status(budget, id, { startsAt, endsAt }),
      limit: 0n,
      settled: 0n,
      leases: new Map<string, Lease>(),
    };
    window.budget = this.status(budget, id, { startsAt, endsAt });
    window.limit = parseUsd(budget.limitUsd);
    this.windows.set(id, window);
    if (budget.scope.task === undefined) this.revision += 1;
    else this.changedTasks.push(budget.scope.task);
  }

  async setLatch(active: boolean): Promise<void> {
    const serial = this.latch.serial + (active ? 1 : 0);
    this.latch = { serial, active, by: 'ada', reason: 'a drill', at: new Date().toISOString() };
    if (active) await this.bus.publish(emergencyShutdown, undefined, this.latch, `set-${serial}`);
    await this.beat();
  }

  /** Tells the gateways how things stand; resolves when the bus has it. */
  async beat(): Promise<void> {
    if (this.away) return;
    const at = new Date().toISOString();
    await this.bus.publish(heartbeat, 'cost-watchdog.fake', {
      service: 'cost-watchdog',
      instance: 'fake',
      version: '0',
      startedAt: at,
      at,
      latch: this.latch,
      budgetsRevision: this.revision,
      taskBudgetsRevision: this.changedTasks.length,
    });
    await this.bus.connection.flush();
  }

  async recall(windowIds: string[] = []): Promise<void> {
    await this.bus.publish(leasesRecall, undefined, {
      windowIds,
      revision: this.revision,
      taskBudgetsRevision: this.changedTasks.length,
    });
  }

  mustHaveRead(): void {
    if (this.readGateways.size === 0) throw new Error('no gateway has read its leases yet');
    this.readGateways.clear();
  }

  settled(budgetId: string): Nano {
    return this.windows.get(`w-${budgetId}`)?.settled ?? 0n;
  }

  leased(budgetId: string): Nano {
    const leases = this.windows.get(`w-${budgetId}`)?.leases.values() ?? [];
    return [...leases].reduce((sum, lease) => sum + outstanding(lease), 0n);
  }

  private grant({ gateway, windows, priority = STANDARD_PRIORITY }: RequestOf<typeof leasesGrant>) {
    this.asked.push(gateway);
    const asks = windows.map((ask) => {
      const window = this.windows.get(ask.windowId);
      const lease = this.lease(ask.windowId, gateway);
      const lesser = priority < (window?.budget.reserve?.minPriority ?? 0);
      const lacking = maxNano(0n, parseUsd(ask.needUsd) - (lease.granted - parseUsd(ask.grantedUsd)));
      const unspent = window ? window.limit - window.settled - (lesser ? reservedIn(window) : 0n) : 0n;
      const free = unspent - this.leased(ask.windowId.slice(2));
      const refusal = !window
        ? 'closed'
        : lacking === 0n && !(lesser && free < 0n)
          ? undefined
          : unspent < maxNano(lacking, parseUsd(ask.leastUsd ?? ask.needUsd))
            ? 'exhausted'
            : free < lacking
              ? 'held'
              : undefined;
      const slice = minNano(parseUsd(ask.wantUsd), free / 50n);
      return { ask, lease, window, refusal, give: lacking === 0n ? 0n : lacking > slice ? lacking : slice } as const;
    });
    const refused = asks.find(({ refusal }) => refusal !== undefined);
    if (!refused) for (const { lease, give } of asks) lease.granted += give;
    return {
      granted: !refused,
      windows: asks.map(({ ask, lease, window }) => ({
        windowId: ask.windowId,
        grantedUsd: formatUsd(lease.granted),
        ...(window ? { settledUsd: formatUsd(window.settled), consumedUsd: formatUsd(lease.consumed) } : {}),
        ...(window?.budget.reserve ? { reserveIntact: this.isIntact(window, ask.windowId) } : {}),
      })),
      ...(refused?.refusal ? { refusal: { kind: refused.refusal, windowId: refused.ask.windowId } } : {}),
    };
  }

  private isIntact(window: Window, windowId: string): boolean {
    return window.limit - window.settled - this.leased(windowId.slice(2)) >= reservedIn(window);
  }

  private record(spend: Spend): void {
    if (this.spends.some(({ attemptId }) => attemptId === spend.attemptId)) return;
    this.spends.push(spend);
    const amount = parseUsd(spend.amountUsd);
    for (const windowId of spend.windows) {
      const window = this.windows.get(windowId);
      if (!window) continue;
      const lease = this.lease(windowId, spend.gateway);
      lease.consumed += minNano(minNano(amount, parseUsd(spend.holdUsd)), outstanding(lease));
      window.settled += amount;
    }
  }

  private lease(windowId: string, gateway: string): Lease {
    const leases = this.windows.get(windowId)?.leases ?? new Map<string, Lease>();
    const lease = leases.get(gateway) ?? { granted: 0n, returned: 0n, consumed: 0n };
    leases.set(gateway, lease);
    return lease;
  }

  private statuses(): BudgetStatus[] {
    return [...this.windows.values()].map(({ budget, settled }) => ({
      ...budget,
      window: { ...budget.window, settledUsd: formatUsd(settled) },
    }));
  }

  private status(budget: Budget, windowId: string, times: { startsAt: string; endsAt: string | null }): BudgetStatus {
    const zero = '0.00';
    return {
      ...budget,
      level: 'ok',
      window: {
        id: windowId,
        ...times,
        settledUsd: zero,
        leasedUsd: zero,
        presumedUsd: zero,
        remainingUsd: budget.limitUsd,
        ...(budget.reserve ? { reservedUsd: formatUsd(reservedIn({ budget, limit: parseUsd(budget.limitUsd) })) } : {}),
      },
    };
  }

  private serve<O extends Operation>(operation: O, answer: (request: RequestOf<O>) => unknown): void {
    const subscription = this.bus.connection.subscribe(operation.name, {
      callback: (error, message) => {
        if (error || this.away) return;
        const reply = JSON.stringify(answer(operation.request.parse(message.json()) as RequestOf<O>));
        if (!(this.mumbles && operation.name === leasesGrant.name)) message.respond(reply);
      },
    });
    this.stops.push(() => subscription.unsubscribe());
  }
}
