import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseUsd } from '@purser/money';

jest.setTimeout(180_000);

interface Seen {
  /** `<protocol> <tier>` -> calls. */
  outcomes: Record<string, number>;
  troubles: string[];
  retried: number;
  left: number;
}

interface Act extends Seen {
  act: 'steady' | 'leaving' | 'killed';
  limitUsd: string;
  /** By the model server's own count. */
  billedUsd: string;
  ledgerUsd: string;
  presumedUsd: string;
  after: Seen & { billedUsd: string };
}

const CALLS = 320;

const sum = (outcomes: Record<string, number>, tier = ''): number =>
  Object.entries(outcomes).reduce((total, [outcome, calls]) => total + (outcome.includes(tier) ? calls : 0), 0);

/** The benchmark of the same name at a small size; three gateways, a dollar for each act. */
describe('a burst of calls', () => {
  let acts: Act[];

  beforeAll(async () => {
    const program = join(process.cwd(), 'test/bench/burst.mjs');
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [program, '--callers', '40', '--calls', `${CALLS}`, '--json'],
      { timeout: 170_000 },
    );
    acts = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Act[];
  });

  const act = (name: Act['act']): Act => acts.find((one) => one.act === name) as Act;

  it('is never billed beyond the dollar, and the ledger knows of every cent', () => {
    expect(acts.map(({ act: name }) => name)).toEqual(['steady', 'leaving', 'killed']);
    for (const { act: name, limitUsd, billedUsd, ledgerUsd, presumedUsd } of acts) {
      const [limit, billed] = [parseUsd(limitUsd), parseUsd(billedUsd)];
      const known = parseUsd(ledgerUsd) + parseUsd(presumedUsd);
      expect([name, limit, billed <= limit, known >= billed, known <= limit]).toEqual([
        name,
        1_000_000_000n,
        true,
        true,
        true,
      ]);
    }
  });

  it('can use all but two cents of it when nobody leaves and nothing is killed', () => {
    expect(parseUsd(act('steady').billedUsd)).toBeGreaterThanOrEqual(980_000_000n);
    // Nothing is charged but what was billed.
    expect(act('steady').ledgerUsd).toBe(act('steady').billedUsd);
  });

  it('has every call answered whole, whoever leaves and whatever dies', () => {
    for (const { act: name, outcomes, troubles } of acts)
      expect([name, troubles, sum(outcomes)]).toEqual([name, [], CALLS]);
    expect(act('leaving').left).toBeGreaterThan(0);
    expect(act('killed').retried).toBeGreaterThan(0);
    expect(act('steady').retried + act('leaving').retried).toBe(0);
  });

  it('is served for free once the dollar is used up, in every protocol', () => {
    for (const { act: name, outcomes, after } of acts) {
      expect([name, sum(outcomes, 'paid') > 0, sum(outcomes, 'free') > 0]).toEqual([name, true, true]);
      expect([name, after.troubles, after.billedUsd]).toEqual([name, [], '0.00']);
      expect(Object.keys(after.outcomes).sort()).toEqual([
        'chat tier_3_free',
        'messages tier_3_free',
        'responses tier_3_free',
      ]);
    }
  });
});
