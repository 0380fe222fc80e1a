import type { Move } from '@purser/contracts';
import type { Movable } from './movables.js';

export type MoveStep = 'starting' | 'healthy' | 'routed' | 'stopping' | 'done' | 'failed';

export interface MoveRow {
  id: string;
  component: string;
  direction: 'to_vm' | 'home';
  step: MoveStep;
  machine_type: string | null;
  spot: boolean | null;
  /** What it was seen to take here, of one that goes out; null where nobody knew. */
  memory_mb: number | null;
  vm_id: string | null;
  definition: Movable;
  reason: string;
  error: string | null;
  created_at: Date;
  step_at: Date;
  /** Of whoever has it at hand. */
  epoch: number;
}

export const moveOf = (row: MoveRow): Move => ({
  id: row.id,
  component: row.component,
  direction: row.direction,
  step: row.step,
  vm: row.vm_id,
  reason: row.reason,
  error: row.error,
  createdAt: row.created_at.toISOString(),
  stepAt: row.step_at.toISOString(),
});
