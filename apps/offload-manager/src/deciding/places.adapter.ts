import { Inject, Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import type { PlaceOf, Places } from '../scoring/places.js';

interface Row {
  component: string;
  vm_id: string | null;
  since: Date;
  expires_at: Date | null;
  memory_mb: number | null;
  took_mb: number | null;
  vm_state: string | null;
  vm_reason: string | null;
  moving: boolean;
  moving_vm: string | null;
  direction: 'to_vm' | 'home' | null;
  moved: boolean;
  failures: number;
  failed_at: Date | null;
}

const MOST_WAIT_MS = 6 * 3_600_000;

/** Where components are, by what moves have written down. */
@Injectable()
export class MovedPlaces implements Places {
  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Pick<Config, 'PURSER_OFFLOAD_DWELL_SECONDS'>,
  ) {}

  async all(): Promise<ReadonlyMap<string, PlaceOf>> {
    const rows = await this.database.query<Row>(
      `SELECT p.component, p.vm_id, p.since, v.expires_at, v.memory_mb, t.memory_mb AS took_mb, v.state AS vm_state, v.reason AS vm_reason,
              o.id IS NOT NULL AS moving, o.vm_id AS moving_vm, o.direction, d.at IS NOT NULL AS moved, f.failures, f.failed_at
         FROM component_places p
         LEFT JOIN vms v ON v.id = p.vm_id
         LEFT JOIN moves o ON o.component = p.component AND o.step NOT IN ('done', 'failed')
         LEFT JOIN LATERAL (
           SELECT memory_mb FROM moves m WHERE m.component = p.component AND m.direction = 'to_vm'
            ORDER BY created_at DESC LIMIT 1) t ON true
         LEFT JOIN LATERAL (
           SELECT max(step_at) AS at FROM moves m WHERE m.component = p.component AND m.step = 'done') d ON true
         LEFT JOIN LATERAL (
           SELECT count(*)::integer AS failures, max(step_at) AS failed_at FROM moves m
            WHERE m.component = p.component AND m.direction = 'to_vm' AND m.step = 'failed'
              AND NOT (m.by_hand AND m.vm_id IS NULL) AND m.step_at > coalesce(d.at, '-infinity')) f ON true`,
    );
    return new Map(rows.map((row) => [row.component, this.placeOf(row)]));
  }

  private placeOf(row: Row): PlaceOf {
    const { vm_id: vm, since, expires_at, memory_mb, took_mb, moving, moving_vm, moved } = row;
    const towards = row.direction === 'home' ? 'local' : 'vm';
    const tookMb = took_mb ?? undefined;
    if (moving) return { place: 'moving', vm: moving_vm ?? vm, since, towards, tookMb };
    // One that has never moved has always been here, since whenever it was first looked for.
    if (vm === null) return { place: 'local', vm, since: moved ? since : new Date(0), notBefore: this.patience(row) };
    const ready = row.vm_state === 'ready';
    const leaving = ready ? undefined : `its VM is ${row.vm_state ?? 'gone'}: ${row.vm_reason ?? ''}`;
    const vmMemoryMb = memory_mb ?? undefined;
    return { place: 'vm', vm, since, expiresAt: expires_at ?? undefined, vmMemoryMb, tookMb, leaving };
  }

  /** A VM that comes to nothing costs, too: after every failure twice as long. One asked for by hand and refused cost nothing. */
  private patience({ failures, failed_at }: Row): Date | undefined {
    if (failed_at === null) return undefined;
    const waitMs = this.config.PURSER_OFFLOAD_DWELL_SECONDS * 1000 * 2 ** Math.min(failures - 1, 20);
    return new Date(failed_at.getTime() + Math.min(waitMs, MOST_WAIT_MS));
  }
}
