import { Injectable } from '@nestjs/common';
import { type figuresGet, PurserError, type ReplyOf, type RequestOf } from '@purser/contracts';
import { Clock, Metrics } from '@purser/service';
import { figuresOf } from './figures.js';
import { FiguresRepository } from './figures.repository.js';

const DAY_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;
/** However often Prometheus asks. */
const MEASURED_EVERY_MS = 60_000;

/** How well the agents' time is used. */
@Injectable()
export class Figures {
  private measuredAt = -Infinity;

  constructor(
    private readonly repository: FiguresRepository,
    private readonly clock: Clock,
    metrics: Metrics,
  ) {
    metrics.gauge(
      'purser_success_figure',
      'The five success figures over the last hour, at most a minute old; absent when nothing was measured.',
      ['figure'],
      async (gauge) => {
        const now = this.clock.monotonic();
        if (now - this.measuredAt < MEASURED_EVERY_MS) return;
        this.measuredAt = now;
        const measured = await this.get({ since: this.ago(HOUR_MS) }).catch(() => undefined);
        gauge.reset();
        for (const { name, value } of measured?.figures ?? []) if (value !== null) gauge.set({ figure: name }, value);
      },
    );
  }

  async get({
    since = this.ago(DAY_MS),
    until = this.ago(0),
  }: RequestOf<typeof figuresGet>): Promise<ReplyOf<typeof figuresGet>> {
    const [from, to] = [new Date(since), new Date(until)];
    if (from >= to)
      throw new PurserError('invalid_request', {
        message: `since: ${since} is not before ${until}`,
        details: { issues: [{ field: 'since', problem: 'must be before `until`, which is now unless said' }] },
      });
    const figures = figuresOf(await this.repository.count(from, to));
    return { since: from.toISOString(), until: to.toISOString(), figures };
  }

  private ago(ms: number): string {
    return new Date(this.clock.now().getTime() - ms).toISOString();
  }
}
