import type Anthropic from '@anthropic-ai/sdk';
import { ProviderError } from '@purser/plugin-sdk';

const levels = ['low', 'medium', 'high', 'xhigh', 'max'] as const;
export type Level = (typeof levels)[number];

/** OpenAI's efforts by Anthropic's names; those without one are between the two's. */
const levelOf: Readonly<Record<string, Level>> = { minimal: 'low', ...Object.fromEntries(levels.map((l) => [l, l])) };

/** Of the output limit, where thinking has a budget of its own. */
const shares: Readonly<Record<Level, number>> = { low: 0.2, medium: 0.5, high: 0.8, xhigh: 0.9, max: 0.9 };
const leastBudget = 1024;

/** How a model can think, as the list of models says it. */
export interface Abilities {
  levels: readonly Level[];
  /** Thinks as much as it finds useful. */
  adaptive: boolean;
  /** Thinks within a budget of tokens: Claude 4.5 and earlier. */
  budgeted: boolean;
  /** Can be told not to think. */
  off: boolean;
}

/** For models of which nothing is known: what all do since Claude 4.6. */
const current: Abilities = { levels, adaptive: true, budgeted: false, off: true };

export function abilitiesOf({ capabilities }: Pick<Anthropic.ModelInfo, 'capabilities'>): Abilities | undefined {
  // What compatible servers tell may lack parts.
  const { effort, thinking } = (capabilities ?? {}) as Partial<Anthropic.ModelCapabilities>;
  if (!effort || !thinking) return undefined;
  return {
    levels: levels.filter((level) => effort[level]?.supported),
    adaptive: thinking.types?.adaptive?.supported ?? false,
    budgeted: thinking.types?.enabled?.supported ?? false,
    off: thinking.types?.disabled?.supported ?? false,
  };
}

/** The highest level that the model has up to the wanted one, else its lowest. */
const nearest = (wanted: Level, able: readonly Level[]): Level | undefined =>
  able.findLast((level) => levels.indexOf(level) <= levels.indexOf(wanted)) ?? able[0];

export interface ReasoningCall {
  outputLimit: number;
  /** A tool must be called, which thinking does not go with. */
  toolForced: boolean;
  /** The answer goes on after tool results. */
  afterTools: boolean;
}

export interface Reasoning {
  thinking?: Anthropic.ThinkingConfigParam;
  effort?: Level;
}

/**
 * `reasoning_effort` as this model takes it. An effort is a wish that agents send along to every model: one that cannot
 * think answers without.
 */
export function reasoning(wanted: unknown, call: ReasoningCall, able: Abilities = current): Reasoning {
  if (wanted === undefined || wanted === null) return {};
  if (wanted === 'none') {
    if (able.off) return { thinking: { type: 'disabled' } };
    const least = able.levels[0];
    return least === undefined ? {} : { effort: least };
  }
  const level = typeof wanted === 'string' ? levelOf[wanted] : undefined;
  if (level === undefined)
    throw new ProviderError('invalid_request', `Anthropic has no reasoning_effort ${JSON.stringify(wanted)}`, {
      mayBill: false,
    });
  const effort = nearest(level, able.levels);
  const thinking = call.toolForced ? undefined : thinkingFor(level, call, able);
  return { ...(effort === undefined ? {} : { effort }), ...(thinking === undefined ? {} : { thinking }) };
}

function thinkingFor(
  level: Level,
  { outputLimit, afterTools }: ReasoningCall,
  able: Abilities,
): Anthropic.ThinkingConfigParam | undefined {
  // Else newer models keep to themselves what they think.
  if (able.adaptive) return { type: 'adaptive', display: 'summarized' };
  // With a budget the model wants its signed thoughts back with the tool results: chat completions do not carry them.
  if (!able.budgeted || afterTools) return undefined;
  const budget = Math.max(leastBudget, Math.floor(outputLimit * shares[level]));
  return budget < outputLimit ? { type: 'enabled', budget_tokens: budget } : undefined;
}
