import { Injectable } from '@nestjs/common';
import type { Sql } from '@purser/database';
import type { Source } from '../work/claims.repository.js';
import { type Front, LabelLimitsRepository } from './label-limits.repository.js';

/** Of a lane's name: `=` and its limited labels. */
const labelsOf = ({ lane }: Front): string[] => lane.slice(1).split(',');

/** What of the tasks with limited labels may be handed out. Those at their limit are left where they are, and hold up nobody. */
@Injectable()
export class LabelLanes {
  constructor(private readonly limits: LabelLimitsRepository) {}

  /** Holds the limits until the transaction is over. */
  async sources(tx: Sql, executors: string[], slots: number): Promise<Source[]> {
    const fronts = await this.limits.fronts(tx, executors);
    if (fronts.length === 0) return [];
    const labels = [...new Set(fronts.flatMap(labelsOf))];
    const room = await this.limits.room(tx, labels);
    return share(fronts, room, slots);
  }

  /** In the same transaction, of the sessions that begin. */
  async began(tx: Sql, started: { labels: string[] }[], sources: Source[]): Promise<void> {
    const limited = new Set(sources.flatMap(labelsOf));
    const labels = started.flatMap((one) => one.labels.filter((label) => limited.has(label)));
    if (labels.length > 0) await this.limits.began(tx, labels);
  }
}

/** In turn, each as much as all of its labels have left. */
export function share(fronts: Front[], room: ReadonlyMap<string, number>, slots: number): Source[] {
  const left = new Map(room);
  const sources: Source[] = [];
  for (const front of fronts) {
    const labels = labelsOf(front);
    // A label that has no limits any more limits nothing: what waits in its lane is moved out of it.
    const most = Math.min(slots, ...labels.map((label) => left.get(label) ?? slots));
    if (most === 0) continue;
    for (const label of labels) if (left.has(label)) left.set(label, left.get(label)! - most);
    sources.push({ ...front, most });
  }
  return sources;
}
