import { formatUsd, isFreeOfCharge, maxNano, minNano, type Nano, type Price } from '@purser/money';

/** From here on it is a slip rather than another contract. */
const SUSPICIOUS = 20n;

/** A price that somebody wrote, and the name of where it stands. */
export interface Named {
  name: string;
  price: Price;
}

/** What is odd about a price, measured by another one of the same model: one sentence for each figure. */
export function oddities(written: Named, known: Named): string[] {
  const byToken = written.price.perToken !== false && known.price.perToken !== false;
  const { inputPerMillion: input, outputPerMillion: output } = known.price;
  // `cost_per_1k_tokens` is one figure for both: somewhere between the two, or so.
  const oneForAll = written.price.inputPerMillion === written.price.outputPerMillion;
  const near = (theirs: Nano) => (oneForAll ? nearest(written.price.inputPerMillion, input, output) : theirs);
  const figures = [
    ...(byToken
      ? ([
          ['per million input tokens', written.price.inputPerMillion, near(input)],
          ['per million output tokens', written.price.outputPerMillion, near(output)],
        ] as const)
      : []),
    ['per minute', written.price.perMinute, known.price.perMinute],
    ['per image', written.price.perImage, known.price.perImage],
  ] as const;
  return figures.flatMap(([unit, ours, theirs]) => {
    const mistake = ours === undefined || theirs === undefined ? undefined : likelyMistake(ours, theirs);
    if (ours === undefined || theirs === undefined || mistake === undefined) return [];
    return [
      `${written.name} says $${formatUsd(ours)} ${unit}, and ${known.name} says $${formatUsd(theirs)}. ${mistake}`,
    ];
  });
}

/** A price of nothing at a vendor that takes money. */
export const givenAway = (written: Named, provider: string): string[] =>
  isFreeOfCharge(written.price)
    ? [
        `${written.name} costs nothing, but ${provider} is paid: no budget limits it. End the tier's name with "_free" if it is free, or remove the zero.`,
      ]
    : [];

function nearest(ours: Nano, one: Nano, other: Nano): Nano {
  const low = minNano(one, other);
  const high = maxNano(one, other);
  return ours < low ? low : ours > high ? high : ours;
}

function likelyMistake(ours: Nano, theirs: Nano): string | undefined {
  if (theirs === 0n) return undefined;
  if (ours === 0n) return 'Is the zero meant?';
  const less = ours < theirs;
  const [small, large] = less ? [ours, theirs] : [theirs, ours];
  if (large < small * SUSPICIOUS) return undefined;
  const times = large / small;
  const far = `That is ${times.toLocaleString('en-US')} times ${less ? 'less' : 'more'}.`;
  if (times >= 500n && times <= 2_000n)
    return less
      ? `${far} Was a price per 1,000 tokens written where one per million belongs?`
      : `${far} Was a price per million tokens written where one per 1,000 belongs (cost_per_1k_tokens)?`;
  if (times >= 500_000n && times <= 2_000_000n)
    return less
      ? `${far} Was a price per token written where one per million belongs?`
      : `${far} Was a price per million tokens written where one per token belongs?`;
  return `${far} Is a digit or the decimal point wrong?`;
}
