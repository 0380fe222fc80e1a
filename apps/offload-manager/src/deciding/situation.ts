import type { Pressure } from '@purser/contracts';
import type { Nano } from '@purser/money';
import type { PressureBounds } from '../memory/memory-reading.js';
import type { PlaceOf } from '../scoring/places.js';

/** A component that can move. */
export interface Candidate {
  name: string;
  weight: number;
  /** What it takes on this machine; 0 where nobody knows. */
  memoryMb: number;
  /** What a VM for it must have for it. */
  neededMb: number;
  /** Undefined: it has always been here. */
  at: PlaceOf | undefined;
}

/** A machine that could be had. */
export interface Offer {
  machineType: string;
  memoryMb: number;
  spotPerHour: Nano;
  regularPerHour: Nano;
  /** VM and disk for the longest life a VM may have. */
  spotWorstCase: Nano;
  regularWorstCase: Nano;
}

export interface Market {
  offers: readonly Offer[];
  /** What every budget still has for VMs; undefined where no budget counts them. */
  affordable: Nano | undefined;
  /** Why none can be made. */
  hindrance: string | undefined;
  /** Why one would relieve nothing here. By hand things move all the same. */
  pointless?: string | undefined;
  /** Spot VMs that were taken away within a day. */
  preemptions: number;
}

/** What the rules go by, as people set it. */
export interface Rules {
  /** Whether anything may leave; what is away comes home all the same. */
  offloads: boolean;
  bounds: PressureBounds;
  minWeight: number;
  atOnce: number;
  dwellMs: number;
  /** How long pressure must have lasted, when it is not critical. */
  sustainMs: number;
  minVmShare: number;
  optimiseCost: boolean;
  /** Where cost is not to be optimised. */
  standardType: string;
}

export interface Situation {
  now: Date;
  memory: { availableMb: number; totalMb: number; usedPercent: number };
  pressure: Pressure;
  trendMbPerMinute: number | undefined;
  /** Since when it was pressure or worse, or calm, without a break. */
  pressureSince: Date | undefined;
  calmSince: Date | undefined;
  candidates: readonly Candidate[];
  market: Market;
}

export interface PlannedMove {
  component: string;
  to: 'vm' | 'local';
  machine: { machineType: string; spot: boolean; worstCase: Nano } | undefined;
  reason: string;
  /** Of one that goes to a VM: what it takes here. */
  memoryMb?: number;
  /** Its VM ends: it comes home also where nothing moves by itself. */
  must?: boolean;
}

export interface Verdict {
  action: 'none' | 'offload' | 'recall';
  /** The same for decisions that say the same, whatever their figures. */
  code: string;
  reason: string;
  urgent: boolean;
  moves: PlannedMove[];
}
