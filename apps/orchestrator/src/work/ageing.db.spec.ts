import { randomUUID } from 'node:crypto';
import { TaskSpec } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import fc from 'fast-check';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';

jest.setTimeout(120_000);

const MINUTES_PER_STEP = 10;
const STEPS = 9;

describe('the order of claims', () => {
  let server: TestDatabase;
  let database: Database;
  let on: OnPostgres;

  beforeAll(async () => {
    server = await createTestDatabase({
      template: { name: 'tasks', build: async (url) => (await openTasks(url)).close() },
    });
    database = await openTasks(server.url);
    on = new OnPostgres(database);
  });

  afterAll(async () => {
    await database?.close();
    await server?.drop();
  });

  it('lets a step of priority count for ten minutes, so that nobody waits for ever, whatever comes', async () => {
    const arrival = fc.record({
      priority: fc.nat(STEPS),
      minute: fc.integer({ min: 0, max: 240 }),
      label: fc.constantFrom('a', 'b'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(arrival, { minLength: 2, maxLength: 14 }),
        fc.integer({ min: 1, max: 5 }),
        async (arrivals, slots) => {
          const executor = `e${randomUUID()}`;
          const tasks = new Map<string, { priority: number; minute: number; at: number }>();
          for (const [at, { priority, minute, label }] of arrivals.entries()) {
            const id = await on.intake.create(TaskSpec.parse({ executor, input: {}, priority, labels: [label] }));
            await database.query(
              `UPDATE tasks SET created_at = '2026-01-01T00:00:00Z'::timestamptz + $2 * interval '1 minute' WHERE id = $1`,
              [id, minute],
            );
            tasks.set(id, { priority, minute, at });
          }
          const order: { priority: number; minute: number; at: number }[] = [];
          for (let more = true; more;) {
            const asked = { requestId: randomUUID(), runner: 'r1', slots, executors: [executor] };
            const { assignments } = await on.claims.claim(asked);
            order.push(...assignments.map(({ taskId }) => tasks.get(taskId)!));
            more = assignments.length > 0;
          }
          expect(order).toHaveLength(tasks.size);
          for (const [place, one] of order.entries()) {
            for (const later of order.slice(place + 1)) {
              const ahead = (one.priority - later.priority) * MINUTES_PER_STEP;
              expect(one.minute - later.minute).toBeLessThanOrEqual(ahead);
              if (one.minute - later.minute === ahead) expect(one.at).toBeLessThan(later.at);
            }
          }
        },
      ),
      { numRuns: 25, interruptAfterTimeLimit: 40_000 },
    );
  });
});
