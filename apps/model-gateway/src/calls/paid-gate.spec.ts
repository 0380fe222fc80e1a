import { priceFromUsd } from '@purser/money';
import { systemClock } from '@purser/service';
import type { Tier } from '../models/ladders.js';
import { PaidGate } from './paid-gate.js';

type Parts = ConstructorParameters<typeof PaidGate>;

const rates = { inputPerMillionUsd: '1', outputPerMillionUsd: '10' };
const priority = { inputPerMillionUsd: '2', outputPerMillionUsd: '20' };
const flex = { inputPerMillionUsd: '0.5', outputPerMillionUsd: '5' };
const limits = { most: 1_000, least: 1_000, setByUs: false };
const window = { id: 'w', budgetId: 'b', limit: 1_000_000_000n };

/** A gate before a wallet that has everything. */
const gate = (windows: object[]) =>
  new PaidGate(
    { isSet: false } as Parts[0],
    { windowsFor: () => Promise.resolve(windows) } as unknown as Parts[1],
    {
      reserve: ({ most }: { most: bigint }) => ({ ok: true, hold: { windows: [], era: 0, amount: most } }),
    } as unknown as Parts[2],
    { safetyOf: () => 1_000 } as unknown as Parts[3],
    { canBound: () => false } as unknown as Parts[4],
    systemClock,
  );

const admit = async (
  price: Parameters<typeof priceFromUsd>[0],
  { standardTier, asked, windows = [window] }: { standardTier?: string; asked?: string; windows?: object[] },
) => {
  const tier = { provider: 'openai', model: 'm', price: priceFromUsd(price) } as Tier;
  const bounds = { inputTokens: 1_000, ...(asked === undefined ? {} : { serviceTier: asked }) };
  const admission = await gate(windows).admit(tier, limits, {
    call: { bounds, choices: 1, pricedParameters: () => [] },
    passage: { standardTier },
    caller: {},
    strategy: 'quality-first',
    inFlight: new AbortController(),
    counts: () => undefined,
  } as unknown as Parameters<PaidGate['admit']>[2]);
  if (!admission.admitted) throw new Error(admission.passed.reason);
  return { hold: admission.hold.amount, names: admission.serviceTier };
};

const STANDARD = 11_000_000n;
const standardTier = 'default';

it.each([
  ['names the standard tier where the price has a dearer one', { standardTier }, STANDARD, 'default'],
  ['holds at the dearest tier where that cannot be ruled out', {}, 2n * STANDARD, undefined],
  ['leaves a client its own word', { standardTier, asked: 'default' }, STANDARD, undefined],
  ['leaves everything as it is where no budget applies', { standardTier, windows: [] }, 2n * STANDARD, undefined],
])('%s', async (_, given, hold, names) => {
  expect(await admit({ ...rates, tiers: { priority } }, given)).toEqual({ hold, names });
});

it('names nothing where no tier is dearer', async () => {
  expect(await admit({ ...rates, tiers: { flex } }, { standardTier })).toEqual({ hold: STANDARD, names: undefined });
  expect(await admit(rates, { standardTier })).toEqual({ hold: STANDARD, names: undefined });
});
