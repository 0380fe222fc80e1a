import { GRACE_MS, LapseGuard } from './lapse-guard.js';

/** Looks twice a second, on clocks that the spec moves. */
class Looks {
  readonly guard = new LapseGuard();
  monotonic = 1_000;
  wall = Date.parse('2026-11-23T10:00:00Z');
  busConnected = true;

  look(): boolean {
    return this.guard.mayLapse({
      monotonic: this.monotonic,
      database: new Date(this.wall),
      busConnected: this.busConnected,
    });
  }

  step(ms = 500): boolean {
    this.monotonic += ms;
    this.wall += ms;
    return this.look();
  }

  /** How long it takes until lapses are believed again. */
  untilTrusted(): number {
    for (let waited = 0; waited <= 60_000; waited += 500) if (this.step()) return waited + 500;
    throw new Error('never trusted');
  }
}

describe('the lapse guard', () => {
  let looks: Looks;

  beforeEach(() => {
    looks = new Looks();
    expect(looks.look()).toBe(false);
    expect(looks.untilTrusted()).toBe(GRACE_MS);
    expect(looks.step()).toBe(true);
  });

  it('waits a heartbeat after the start; then believes', () => {
    for (let round = 0; round < 10; round++) expect(looks.step()).toBe(true);
  });

  it.each([
    ['a laptop that slept: the wall clock went on, this process did not', 3_600_000],
    ['a clock that was set back', -30_000],
  ])('waits again after %s', (_what, jump) => {
    looks.wall += jump;
    expect(looks.step()).toBe(false);
    expect(looks.untilTrusted()).toBe(GRACE_MS);
  });

  it('waits again after this process stood still', () => {
    expect(looks.step(10_000)).toBe(false);
    expect(looks.untilTrusted()).toBe(GRACE_MS);
  });

  it('waits again after Postgres was away', () => {
    looks.guard.databaseAway();
    expect(looks.step()).toBe(false);
    expect(looks.untilTrusted()).toBe(GRACE_MS);
  });

  it('believes nothing while the bus is away, nor right after', () => {
    looks.busConnected = false;
    for (let round = 0; round < 20; round++) expect(looks.step()).toBe(false);
    looks.busConnected = true;
    expect(looks.untilTrusted()).toBe(GRACE_MS);
  });

  it('does not mind small drift', () => {
    looks.wall += 400;
    expect(looks.step()).toBe(true);
  });
});
