import type { Resource, Usage } from './resources.service.js';

interface Sample {
  done: number;
  usage: Usage;
}

/** The latest reports that the present rate is taken from. */
const RECENT = 8;
/** Units that show what a unit costs while the session is fresh. */
const FRESH_UNITS = 3;

/** What a unit of work takes, from the progress that a program reports and what the session has used then. */
export class WorkRate {
  private first: Sample | undefined;
  private fresh: Sample | undefined;
  private recent: Sample[] = [];

  /** `done` units so far. One that goes back begins the count anew. */
  observe(done: number, usage: Usage): void {
    const last = this.recent.at(-1);
    if (last?.done === done) return;
    const sample = { done, usage };
    if (!last || done < last.done) {
      this.first = sample;
      this.fresh = undefined;
      this.recent = [sample];
      return;
    }
    this.recent = [...this.recent.slice(1 - RECENT), sample];
    if (!this.fresh && done - this.first!.done >= FRESH_UNITS) this.fresh = sample;
  }

  /** What the session had used when the first unit was reported. */
  get atFirst(): Usage | undefined {
    return this.first?.usage;
  }

  /** The next unit, as far as can be told: the mean of the latest or that of all, whichever is more. */
  perUnit(resource: Resource): number | undefined {
    const [from, to] = [this.recent[0], this.recent.at(-1)];
    return larger(between(this.first, to, resource), between(from, to, resource));
  }

  /** The mean of all so far with what has been used since the last report: no less than a unit really takes. */
  perUnitAtMost(resource: Resource, usage: Usage): number | undefined {
    const last = this.recent.at(-1);
    return larger(this.perUnit(resource), last && between(this.first, { done: last.done, usage }, resource));
  }

  /** A unit at the beginning of the session, and what all since then have cost beyond that. */
  growth(resource: Resource): { fresh: number; now: number; excess: number } | undefined {
    const [first, last] = [this.first, this.recent.at(-1)];
    const fresh = between(first, this.fresh, resource);
    const now = this.perUnit(resource);
    const used = between(first, last, resource);
    if (fresh === undefined || now === undefined || used === undefined) return undefined;
    return { fresh, now, excess: (used - fresh) * (last!.done - first!.done) };
  }
}

function between(from: Sample | undefined, to: Sample | undefined, resource: Resource): number | undefined {
  if (!from || !to || to.done <= from.done) return undefined;
  const [before, after] = [from.usage[resource], to.usage[resource]];
  return before === undefined || after === undefined ? undefined : Math.max(0, after - before) / (to.done - from.done);
}

const larger = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
