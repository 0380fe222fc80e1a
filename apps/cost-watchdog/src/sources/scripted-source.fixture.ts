import { type CostReading, CostReadingFailed, type CostSource, type ReportedCost } from '@purser/plugin-sdk';

const DAY = 86_400_000;

/** Books that a spec writes: `"2026-11-03 service": "amount"`, with the period that they are asked for as the real ones are. */
export class ScriptedSource implements CostSource {
  provider = 'aws';
  schedule = { everySeconds: 3_600, staleAfterSeconds: 48 * 3_600 };
  ownCosts: CostSource['ownCosts'];
  ownCostUsd = '0';
  rows: Record<string, string> = {};
  finality: ReportedCost['finality'] = 'estimate';
  failure: Error | undefined;
  /** Otherwise it tells all that it has. */
  heedsPeriod = true;
  readonly asked: string[] = [];
  /** Waited for before each answer. */
  before: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();

  async read({ from, to }: { from: Date; to: Date }, { signal }: { signal: AbortSignal }): Promise<CostReading> {
    this.asked.push(`${from.toISOString().slice(0, 10)} ${to.toISOString().slice(0, 10)}`);
    await this.before(signal);
    if (this.failure) throw this.failure;
    const costs = this.costs().filter((row) => !this.heedsPeriod || (row.from >= from && row.from < to));
    return { costs, ownCostUsd: this.ownCostUsd };
  }

  /** Half way, at this price. */
  breakDown(ownCostUsd: string): void {
    this.failure = new CostReadingFailed('the second page failed; it is asked again later', ownCostUsd);
  }

  private costs(): ReportedCost[] {
    return Object.entries(this.rows).map(([id, amountUsd]) => {
      const [day = '', service = '', project] = id.split(' ');
      const from = new Date(`${day}T00:00:00Z`);
      return {
        ...{ id, from, to: new Date(from.getTime() + DAY), service, amountUsd, finality: this.finality },
        ...(project === undefined ? {} : { project }),
      };
    });
  }
}
