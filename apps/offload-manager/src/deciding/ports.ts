import type { OffloadStatus } from '@purser/contracts';
import type { Market, PlannedMove } from './situation.js';

/** Injection token of the mover. */
export const MOVER = Symbol('mover');

/** Moves components. Resolves once the move is written down and goes on by itself; rejects where it was not begun. */
export interface Mover {
  begin(move: PlannedMove): Promise<void>;
}

/** Injection token of the market. */
export const MARKET = Symbol('market');

export type Compute = OffloadStatus['compute'];

/** Where VMs can be had. */
export interface VmMarket {
  /** Whom VMs are had from, why from there, and what keeps any from being made. */
  compute(): Promise<Compute>;
  /** Why VMs would relieve nothing here, so that nothing moves by itself. */
  pointless(): string | undefined;
  look(now: Date): Promise<Market>;
}
