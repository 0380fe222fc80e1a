import { Injectable } from '@nestjs/common';
import type { Prediction, TaskEstimates, TaskSpec } from '@purser/contracts';
import { formatUsd, parseUsd } from '@purser/money';
import { Clock } from '@purser/service';
import { kindOf } from './kind.js';
import { type Alike, RecordsRepository } from './records.repository.js';

/** With fewer like tasks than this, what the submitter says counts more. */
const ENOUGH = 3;
const BELIEVED_MS = 5_000;
const MOST_KINDS = 1_000;

type Asked = Pick<TaskSpec, 'executor' | 'labels'> & {
  project?: string | null | undefined;
  estimates?: TaskEstimates | null | undefined;
};

/** Says what tasks will take. */
@Injectable()
export class Predictions {
  private readonly known = new Map<string, { at: number; alike: Promise<Alike> }>();

  constructor(
    private readonly records: RecordsRepository,
    private readonly clock: Clock,
  ) {}

  async of(task: Asked): Promise<Prediction> {
    return predictionFrom(await this.alike(kindOf(task)), task.estimates ?? undefined);
  }

  private alike(kind: string): Promise<Alike> {
    const now = this.clock.monotonic();
    const known = this.known.get(kind);
    if (known && now - known.at < BELIEVED_MS) return known.alike;
    if (this.known.size >= MOST_KINDS) this.known.clear();
    const alike = this.records.alike(kind);
    this.known.set(kind, { at: now, alike });
    alike.catch(() => this.known.delete(kind));
    return alike;
  }
}

const NOTHING: Prediction = { basis: 'none', tasks: 0, usd: null, tokens: null, seconds: null, sessions: null };
const same = <T>(value: T | undefined) => (value === undefined ? null : { median: value, p90: value });

export function predictionFrom(alike: Alike, estimates: TaskEstimates | undefined): Prediction {
  const tasks = Number(alike.tasks);
  if (tasks > 0 && (tasks >= ENOUGH || !estimates)) {
    const spread = (of: [number, number] | null) => of && { median: of[0], p90: of[1] };
    const usd = alike.usd_nano?.map((nano) => formatUsd(BigInt(Math.round(nano))));
    return {
      basis: 'history',
      tasks,
      usd: usd ? { median: usd[0]!, p90: usd[1]! } : null,
      tokens: spread(alike.tokens),
      seconds: spread(alike.seconds),
      sessions: spread(alike.sessions),
    };
  }
  if (!estimates) return NOTHING;
  const usd = estimates.usd === undefined ? undefined : formatUsd(parseUsd(estimates.usd));
  return {
    basis: 'estimates',
    tasks,
    usd: same(usd),
    tokens: same(estimates.tokens),
    seconds: same(estimates.seconds),
    sessions: null,
  };
}
