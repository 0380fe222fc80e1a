import fc from 'fast-check';

export const GATEWAYS = 3;
export const BUDGETS = ['day', 'rolling', 'task'] as const;
export type BudgetName = (typeof BUDGETS)[number];

const gateway = fc.nat(GATEWAYS - 1);
const cents = fc.integer({ min: 1, max: 40 });
/** What may happen to money. */
export const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      gateway,
      cents,
      want: cents,
      withTask: fc.boolean(),
      /** The reply never reaches the gateway. */
      lost: fc.nat(5).map((n) => n === 0),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      pick: fc.nat(),
      percent: fc.integer({ min: 0, max: 150 }),
      twice: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('return' as const), gateway }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die' as const), gateway }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), gateway, back: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('limit' as const),
      budget: fc.constantFrom(...BUDGETS),
      cents: fc.integer({ min: 0, max: 150 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      hours: fc.constantFrom(1, 3, 14, 14),
      roll: fc.nat(2).map((n) => n === 0),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('unheld' as const), cents, hoursAgo: fc.constantFrom(0, 1, 5, 26, -7) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rush' as const), cents }) },
);
export type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;
