import { HEARTBEAT_MS } from '@purser/service';

/** A heartbeat interval, and what a reconnecting runner needs to send the next one. */
export const GRACE_MS = HEARTBEAT_MS * 1.5;
const JUMP_MS = 1_000;

export interface Observation {
  /** This process' clock, which does not jump; milliseconds. */
  monotonic: number;
  /** The clock that leases are measured by. */
  database: Date;
  busConnected: boolean;
}

/**
 * Tells whether a lapsed lease may be believed. Runners cannot renew while this orchestrator, the bus or Postgres is away,
 * and a laptop that wakes up finds every lease in the past: after any of these they first get time for a heartbeat.
 */
export class LapseGuard {
  private trustFrom = Infinity;
  private last: { monotonic: number; database: number } | undefined;

  /** Postgres could not be asked. */
  databaseAway(): void {
    this.last = undefined;
  }

  /** Instead of a look, where nothing runs: Postgres' clock is taken to go on as this one. */
  atRest(monotonic: number): void {
    const { last } = this;
    if (!last || monotonic - last.monotonic > GRACE_MS) return;
    this.last = { monotonic, database: last.database + monotonic - last.monotonic };
  }

  /** To be called before each look at leases; says whether to look. */
  mayLapse({ monotonic, database, busConnected }: Observation): boolean {
    const { last } = this;
    this.last = { monotonic, database: database.getTime() };
    const slept = last === undefined || monotonic - last.monotonic > GRACE_MS;
    const jumped =
      last === undefined || Math.abs(database.getTime() - last.database - (monotonic - last.monotonic)) > JUMP_MS;
    if (slept || jumped || !busConnected) this.trustFrom = monotonic + GRACE_MS;
    return monotonic >= this.trustFrom;
  }
}
