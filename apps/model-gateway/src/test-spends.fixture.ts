import type { Spend } from '@purser/contracts';
import { eventually } from '@purser/testing';
import type { World } from './gateway.fixture.js';

/** What the calls of one test cost. A settlement of the test before may still arrive, and is none of them. */
export class TestSpends {
  private since = '';

  constructor(private readonly world: () => World) {}

  /** Before each test; its models do as usual again. */
  begin(): void {
    const { models, watchdog } = this.world();
    models.clearScript();
    watchdog.spends.length = 0;
    this.since = new Date().toISOString();
  }

  all(): Spend[] {
    return this.world().watchdog.spends.filter(({ usageAt }) => usageAt >= this.since);
  }

  /** Of the test's one attempt. */
  one(): Promise<Spend | undefined> {
    return eventually(() => {
      const spends = this.all();
      expect(spends).toHaveLength(1);
      return spends[0];
    });
  }
}
