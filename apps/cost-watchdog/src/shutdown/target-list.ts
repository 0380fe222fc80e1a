import type { ShutdownTarget } from '@purser/contracts';
import type { BlastRadius } from './blast-radius.js';

export type Seen = Pick<ShutdownTarget, 'kind' | 'id' | 'name' | 'detail' | 'usdPerHour'>;
export type Fated = Pick<ShutdownTarget, 'fate' | 'detail'>;

/** Each thing once, with the last that is known of it. */
export class TargetList {
  private readonly byId = new Map<string, ShutdownTarget>();

  constructor(
    readonly watchdog: string,
    readonly now: () => Date,
  ) {}

  set(seen: Seen, { fate, detail }: Fated): void {
    const known = this.get(seen.kind, seen.id);
    if (known?.fate === fate && known.detail === detail) return;
    this.byId.set(`${seen.kind} ${seen.id}`, {
      ...seen,
      fate,
      detail,
      at: this.now().toISOString(),
      watchdog: this.watchdog,
    });
  }

  get(kind: ShutdownTarget['kind'], id: string): ShutdownTarget | undefined {
    return this.byId.get(`${kind} ${id}`);
  }

  get all(): ShutdownTarget[] {
    return [...this.byId.values()];
  }
}

/** One emergency on this machine. */
export interface Emergency {
  targets: TargetList;
  radius: BlastRadius;
  /** Aborted when it is over, or a newer one begins. */
  signal: AbortSignal;
}

/** As an acknowledgement names it. */
export const inWords = ({ kind, name, id, fate, detail }: ShutdownTarget): string =>
  `${fate === 'alive' ? 'NOT stopped yet: ' : ''}${kind} ${name} (${id.slice(0, 12)})${fate === 'alive' ? `: ${detail}` : ''}`;

export const wasStopped = ({ fate }: Pick<ShutdownTarget, 'fate'>): boolean =>
  fate === 'stopped' || fate === 'killed' || fate === 'gone';

/** What still runs though an emergency wanted it gone. */
export const stillLives = ({ fate }: Pick<ShutdownTarget, 'fate'>): boolean => fate === 'alive' || fate === 'over_cap';
