import { type Launched, launchPurser, type ModelServer, startModelServer } from '@purser/testing';

/** The demo's price list, in dollars per million tokens. */
export const PRICES = {
  'demo-large': { inputPerMillionUsd: '10', outputPerMillionUsd: '30' },
  'demo-giant': { inputPerMillionUsd: '100', outputPerMillionUsd: '600' },
  'demo-small': { inputPerMillionUsd: '0', outputPerMillionUsd: '0' },
};

const MODELS = {
  code_generation: {
    tier_1_paid: {
      provider: 'openai',
      model: 'demo-large',
      price: PRICES['demo-large'],
      maxOutputTokens: 4096,
      quality: 'demo',
    },
    tier_3_free: { provider: 'openai', model: 'demo-small', cost_per_1k_tokens: 0, quality: 'demo' },
  },
  deep_thought: {
    tier_1_paid: {
      provider: 'openai',
      model: 'demo-giant',
      price: PRICES['demo-giant'],
      maxOutputTokens: 4096,
      quality: 'demo',
    },
  },
};

const BUDGETS = {
  budgets: [
    { id: 'monthly', period: 'month', limitUsd: '10' },
    { id: 'demo-project', scope: { project: 'demo' }, period: 'day', limitUsd: '0.05' },
  ],
  spikeRules: [{ percent: 20, windowMinutes: 60, minUsd: '1' }],
};

export interface Stage extends Launched {
  /** The demo's models, which bill by themselves. */
  provider: ModelServer;
}

/** A whole Purser of its own, in a temporary folder and on free ports, with a model server beside it. */
export async function setStage(bin: string): Promise<Stage> {
  const provider = await startModelServer({ models: PRICES });
  try {
    const { openaiBaseUrl } = provider;
    const launched = await launchPurser({ bin, openaiBaseUrl, models: MODELS, budgets: BUDGETS });
    const stop = async () => {
      await launched.stop();
      await provider.stop();
    };
    return { ...launched, provider, stop };
  } catch (error) {
    await provider.stop();
    throw error;
  }
}
