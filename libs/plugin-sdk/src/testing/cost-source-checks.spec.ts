import { CostReadingFailed, type CostSource, requireUsd } from '../cost-source.js';
import type { BooksRow } from './cost-source-subject.js';
import { type Books, costSourceChecks } from './index.js';

const DAY = 86_400_000;
const dayOf = (row: BooksRow) => new Date(`${row.day}T00:00:00Z`);

/** Books within this process, in pages of two, and a source that reads them. */
class Vendor implements Books {
  rows: readonly BooksRow[] = [];
  currency = 'USD';
  state: 'well' | 'refusing' | 'breaking' | 'hanging' = 'well';

  write(rows: readonly BooksRow[]): void {
    [this.rows, this.currency, this.state] = [rows, 'USD', 'well'];
  }
  inCurrency(code: string): void {
    this.currency = code;
  }
  refuse(): void {
    this.state = 'refusing';
  }
  breakAfterFirstPage(): void {
    this.state = 'breaking';
  }
  hang(): void {
    this.state = 'hanging';
  }
}

class Reader implements CostSource {
  readonly provider = 'vendor';
  readonly schedule = { everySeconds: 60, staleAfterSeconds: 600 };
  constructor(protected readonly vendor: Vendor) {}

  async read(period: { from: Date; to: Date }, { signal }: { signal: AbortSignal }) {
    const { vendor } = this;
    if (vendor.state === 'refusing') throw new CostReadingFailed('the key is refused: make a new one', '0.01');
    if (vendor.state === 'hanging')
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    requireUsd(vendor.currency, 'the books', 'Ask for dollars.');
    if (vendor.state === 'breaking') return this.broken();
    const costs = vendor.rows
      .map((row) => ({ row, from: dayOf(row) }))
      .filter(({ from }) => from >= period.from && from < period.to)
      .map(({ row: { day, service, amountUsd }, from }) => ({
        id: `${day} ${service}`,
        from,
        to: new Date(from.getTime() + DAY),
        amountUsd,
        service,
        finality: 'estimate' as const,
      }));
    return { costs, ownCostUsd: '0.01' };
  }

  protected broken(): ReturnType<CostSource['read']> {
    return Promise.reject(new CostReadingFailed('the second page failed: it is tried again', '0.02'));
  }
}

const checksOf = (make: (vendor: Vendor) => CostSource) =>
  costSourceChecks({
    open: () => {
      const vendor = new Vendor();
      return Promise.resolve({ source: make(vendor), books: vendor, close: () => Promise.resolve() });
    },
    requestUsd: '0.01',
  });

describe('a source that keeps the rules', () => {
  for (const { name, run } of checksOf((vendor) => new Reader(vendor))) it(name, run);
});

async function failing(make: (vendor: Vendor) => CostSource): Promise<string[]> {
  const names: string[] = [];
  for (const { name, run } of checksOf(make)) await run().catch(() => names.push(name));
  return names;
}

describe('a source that breaks one', () => {
  it('is told when it takes euros for dollars', async () => {
    class Careless extends Reader {
      override read(...given: Parameters<Reader['read']>) {
        this.vendor.currency = 'USD';
        return super.read(...given);
      }
    }
    expect(await failing((vendor) => new Careless(vendor))).toEqual([
      'refuses another currency by its name, and never takes it for dollars',
    ]);
  });

  it('is told when it makes do with the pages that it got', async () => {
    class Satisfied extends Reader {
      protected override broken() {
        return Promise.resolve({ costs: [], ownCostUsd: '0.01' });
      }
    }
    expect(await failing((vendor) => new Satisfied(vendor))).toEqual([
      'tells no rows, but what it has cost, when it fails half way',
    ]);
  });

  it('is told when ids change with the amount, and when it does not stop', async () => {
    class Restless extends Reader {
      override async read(period: { from: Date; to: Date }) {
        const reading = await super.read(period, { signal: new AbortController().signal });
        return { ...reading, costs: reading.costs.map((cost) => ({ ...cost, id: cost.id + cost.amountUsd })) };
      }
    }
    expect(await failing((vendor) => new Restless(vendor))).toEqual([
      'tells each row under an id of its own, the same when its amount was revised',
      'gives up as soon as it is told to',
    ]);
  });
});
