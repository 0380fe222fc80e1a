// Purser as a peer of a benchmark of durable task queues: tasks.create, work.claim and work.finish over NATS, as a client
// and a runner speak them, against an orchestrator and a cost-watchdog of their own. `npm run bench:tasks` runs it.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers';
import { Bus } from '@purser/bus';
import { isPurserError, tasksCreate, workAvailable, workClaim, workFinish, workHeartbeat } from '@purser/contracts';
import pg from 'pg';
import { startStack } from './stack.mjs';

export const about = {
  name: 'Purser, over NATS',
  server: 'pg',
  packages: [],
  batch: false,
  e2e: ['one', 'fast'],
  latency: ['default'],
  lease: '8 s, renewed every 2 s',
};

const EXECUTOR = 'bench';
const CLAIM_MS = 3_000;
const FINISH_MS = 10_000;
/** For a runner without a nudge, as the agent-runner's. */
const POLL_MS = 2_000;
const SHORTEST_LEASE_MS = 1_000;

export async function serve({ url, variant }) {
  const folder = await mkdtemp(join(tmpdir(), 'purser-bench-'));
  const stack = await startStack({
    folder,
    budgets: { budgets: [] },
    models: {},
    plugins: { plugins: [] },
    databaseUrl: url,
    env: variant === 'stale' ? { PURSER_LEASE_MS: String(SHORTEST_LEASE_MS) } : {},
  });
  const profile = process.env.BENCH_PROFILE;
  const orchestrator = await stack.launchOrchestrator(
    profile === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` },
  );
  return {
    pids: [stack.natsPid, stack.watchdog.child.pid, orchestrator.child.pid],
    setup: { natsUrl: stack.natsUrl },
    async stop() {
      await stack.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** As the agent-runner: one loop asks for as many sessions as there are free slots; each session tells its own end. */
class Runner {
  held = new Map();
  stopped = false;
  nudged = false;
  wake = () => undefined;

  constructor(bus, label, slots, onRun, errors) {
    Object.assign(this, { bus, label, slots, onRun, errors, name: `bench-${label}` });
  }

  start() {
    this.bus.connection.subscribe(workAvailable.name, { callback: () => this.nudge() });
    this.running = this.run();
  }

  async run() {
    while (!this.stopped) {
      this.nudged = false;
      const free = this.slots - this.held.size;
      const more = free > 0 && (await this.claim(free));
      if (more || this.nudged || this.stopped) continue;
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  nudge() {
    this.nudged = true;
    this.wake();
  }

  async claim(slots) {
    const request = { requestId: randomUUID(), runner: this.name, slots, executors: [EXECUTOR] };
    try {
      const { leaseMs, assignments } = await this.bus.call(workClaim, request, { timeoutMs: CLAIM_MS });
      for (const assignment of assignments) this.begin(assignment, leaseMs);
      return assignments.length === slots;
    } catch (error) {
      this.errors.push(error.message);
      return false;
    }
  }

  begin({ taskId, epoch, input }, leaseMs) {
    this.held.set(taskId, epoch);
    this.beating ??= setInterval(() => void this.beat(), leaseMs / 4);
    void this.session(taskId, epoch, input);
  }

  async session(taskId, epoch, input) {
    const result = (await this.onRun(input)) ?? null;
    const outcome = { kind: 'completed', result };
    const request = { requestId: randomUUID(), runner: this.name, taskId, epoch, outcome };
    try {
      await this.bus.call(workFinish, request, { timeoutMs: FINISH_MS });
    } catch (error) {
      this.errors.push(isPurserError(error) ? `${error.code}: ${error.message}` : error.message);
    }
    if (this.held.get(taskId) === epoch) this.held.delete(taskId);
    this.nudge();
  }

  async beat() {
    const sessions = [...this.held].map(([taskId, epoch]) => ({ taskId, epoch }));
    if (sessions.length === 0) return;
    const answer = await this.bus.call(workHeartbeat, { runner: this.name, sessions }).catch(() => undefined);
    for (const { taskId, epoch, verdict } of answer?.sessions ?? [])
      if (verdict === 'lost' && this.held.get(taskId) === epoch) this.held.delete(taskId);
  }

  async stop() {
    this.stopped = true;
    clearInterval(this.beating);
    this.nudge();
    await this.running;
  }
}

export async function open({ url, natsUrl, variant, label }) {
  const bus = await Bus.connect({ url: natsUrl, service: 'tools', instance: `bench-${label}` });
  const database = new pg.Pool({ connectionString: url, max: 2 });
  const sql = (text, values) => database.query({ name: text.slice(0, 60), text, values }).then(({ rows }) => rows);
  const errors = [];
  let runner;
  const submit = async (task) => (await bus.call(tasksCreate, { executor: EXECUTOR, input: task })).id;
  return {
    errors,
    submit,
    submitMany: (tasks) => Promise.all(tasks.map(submit)),
    // Straight into the table: what it takes to store them is another part's measure.
    fill: (n) =>
      sql(
        `INSERT INTO tasks.tasks (id, executor, input, input_bytes, priority, depends_on, labels, limits, max_sessions, retries, state, budget_ready)
         SELECT gen_random_uuid(), '${EXECUTOR}', '{"t":1}', 7, 5, '{}', '{}', '{}', 100, 0, 'ready', true
         FROM generate_series(1, $1)`,
        [n],
      ),
    work(slots, onRun) {
      runner = new Runner(bus, label, variant === 'fast' ? 100 : slots, onRun, errors);
      runner.start();
    },
    left: async () => {
      const [row] = await sql(
        `SELECT count(*)::integer AS left FROM tasks.tasks WHERE state IN ('blocked', 'ready', 'running', 'paused')`,
      );
      return row.left;
    },
    async inspect(id) {
      const [row] = await sql(`SELECT state, result FROM tasks.tasks WHERE id = $1`, [id]);
      return { state: row?.state, by: row?.result?.by };
    },
    async stop() {
      await runner?.stop();
      await bus.close();
      await database.end();
    },
  };
}
