import type { Assignment, Progress } from '@purser/contracts';
import type { MeasuredOverhead } from './overhead.js';
import { fitsToTheEnd, type Outlook, tooMuchForNext } from './prediction.js';
import { assess, type Assessment, type Level, type Resource, type Usage } from './resources.service.js';
import { freshIsCheaper } from './session-size.js';
import { type Amounts, DOLLAR_SHARE, wrapAmounts } from './thresholds.js';
import { WorkRate } from './work-rate.js';

/** The task's own budget, over all its sessions: figures to decide by, not to account with. */
export interface Dollars {
  limit: number;
  left: number;
}

/** What one session may use, has used and will use, and how near it is to its end. */
export class SessionMeter {
  usage: Usage = { seconds: 0 };
  level: Level = 'healthy';
  /** What handing over and resuming are expected to cost. */
  overhead: MeasuredOverhead = { handoff: {}, resume: {} };
  private dollars: Dollars | undefined;
  /** Whether it has had more dollars than it is wrapped at: a session that begins with less is not, or none would ever work. */
  private hadDollars = false;
  private readonly rate = new WorkRate();
  private remaining: number | undefined;
  private atWrap: Usage | undefined;

  constructor(
    private readonly assignment: Pick<Assignment, 'limits' | 'complexity' | 'epoch'>,
    /** Seconds since the session began. */
    private readonly elapsed: () => number,
  ) {}

  get wrapAt(): Amounts {
    return wrapAmounts(this.assignment.limits, this.assignment.complexity, this.overhead.handoff);
  }

  get budget(): Dollars | undefined {
    return this.dollars;
  }

  spend(dollars: Dollars | undefined): void {
    this.dollars = dollars;
    if (dollars && dollars.left > this.dollarsKept(dollars)) this.hadDollars = true;
  }

  tick(): void {
    this.usage = { ...this.usage, seconds: this.elapsed() };
  }

  progressed({ done, total }: Progress): void {
    this.tick();
    this.remaining = done === undefined || total === undefined ? undefined : total - done;
    if (done !== undefined) this.rate.observe(done, this.usage);
  }

  /** `betweenUnits`: a unit was just reported, and the next one has not begun. */
  assess(betweenUnits: boolean): Assessment {
    const outlook = this.outlook();
    const atMost = { ...outlook, perUnit: (resource: Resource) => this.rate.perUnitAtMost(resource, this.usage) };
    const found = assess(this.assignment.limits, this.usage, this.wrapAt, (resource) => fitsToTheEnd(resource, atMost));
    if (found.level === 'stop' || found.level === 'wrap') return found;
    return this.dollarsSay() ?? (betweenUnits ? this.betweenUnits(outlook) : undefined) ?? found;
  }

  /** It was asked to wrap up: what it uses from now on is what handing over costs. */
  wraps(): void {
    this.tick();
    this.atWrap ??= this.usage;
  }

  /** What its end and its beginning cost, once it is over; undefined when it was not wrapped up. The first one resumed nothing. */
  measured(): MeasuredOverhead | undefined {
    const { atWrap, usage } = this;
    if (!atWrap) return undefined;
    const since = (resource: 'tokens' | 'seconds') => {
      const [before, after] = [atWrap[resource], usage[resource]];
      return before === undefined || after === undefined ? {} : { [resource]: Math.max(0, after - before) };
    };
    const resumed = this.assignment.epoch > 1;
    return {
      handoff: { ...since('tokens'), ...since('seconds') },
      resume: resumed ? { ...this.untilFirstUnit('tokens'), ...this.untilFirstUnit('seconds') } : {},
    };
  }

  private outlook(): Outlook {
    return {
      limits: this.assignment.limits,
      usage: this.usage,
      perUnit: (resource) => this.rate.perUnit(resource),
      remaining: this.remaining,
    };
  }

  private dollarsKept({ limit }: Dollars): number {
    return limit * (1 - DOLLAR_SHARE[this.assignment.complexity]);
  }

  private dollarsSay(): Assessment | undefined {
    if (!this.dollars || !this.hadDollars || this.dollars.left > this.dollarsKept(this.dollars)) return undefined;
    const { limit, left } = this.dollars;
    return { level: 'wrap', resource: 'usd', reason: `usd ${(1 - left / limit).toFixed(2)} of the task's budget` };
  }

  private betweenUnits(outlook: Outlook): Assessment | undefined {
    const resource = tooMuchForNext(outlook);
    if (resource !== undefined) {
      const { limits, usage } = outlook;
      const next = (usage[resource]! + this.rate.perUnit(resource)!) / limits[resource]!;
      const reason = `${resource} ${(usage[resource]! / limits[resource]!).toFixed(2)} of its limit, and ${next.toFixed(2)} after the next unit`;
      return { level: 'wrap', resource, reason };
    }
    const growth = this.rate.growth('tokens');
    const { handoff, resume } = this.overhead;
    if (!growth || handoff.tokens === undefined || resume.tokens === undefined) return undefined;
    const overhead = handoff.tokens + resume.tokens;
    if (!freshIsCheaper({ ...growth, overhead, remaining: this.remaining })) return undefined;
    const now = `${Math.round(growth.now)} tokens a unit, ${Math.round(growth.fresh)} at first`;
    return { level: 'wrap', resource: 'tokens', reason: `a fresh session is cheaper: ${now}` };
  }

  /** Beyond the unit itself, of which nobody says when it began. */
  private untilFirstUnit(resource: 'tokens' | 'seconds'): { tokens?: number; seconds?: number } {
    const [used, unit] = [this.rate.atFirst?.[resource], this.rate.perUnit(resource)];
    return used === undefined || unit === undefined ? {} : { [resource]: Math.max(0, used - unit) };
  }
}
