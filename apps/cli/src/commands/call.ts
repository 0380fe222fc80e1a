import { type Call, callsGet } from '@purser/contracts';
import type { Command } from 'commander';
import { fields } from '../output/table.js';
import { grouped, moment, usd } from '../output/words.js';
import type { CommandSet } from './command.js';

export function addCallCommands(program: Command, commands: CommandSet): void {
  const call = program.command('call').description('what became of a model call');
  commands.leaf(
    call,
    'show <id>',
    'explain one call of the last 7 days; its id is the x-request-id of the answer',
    ['purser call show call-5f0c...', 'purser call show call-5f0c... --json'],
    async ({ api, print }, [id = '']) => {
      const { reply, json } = await api().ask(callsGet, { id });
      print(json, () => explained(reply));
    },
  );
}

export const explained = (call: Call): string =>
  fields([
    ['call', call.id],
    ['at', moment(call.at)],
    ['asked', `${call.model} by ${call.kind}${call.streaming ? ', as a stream' : ''}`],
    ['key', call.key],
    ['project', call.project],
    ['task', call.task],
    ['session', call.session],
    ['outcome', call.message === null ? call.outcome : `${call.outcome}: ${call.message}`],
    ['took', `${grouped(call.latencyMs)} ms`],
    ['cost', usd(call.costUsd)],
    ...call.tiers.map((tier) => [tier.tier, tierText(tier)] as const),
  ]);

function tierText({ provider, model, why, reason, attempt }: Call['tiers'][number]): string {
  const passed = why === null ? [] : [`passed over: ${why} (${reason ?? ''})`];
  if (!attempt) return [`${provider}/${model}`, ...passed].join('\n');
  const { inputTokens, outputTokens, maxTokensSet, priceRow, amountUsd, holdUsd, finality } = attempt;
  return [
    `${provider}/${model}: ${attempt.outcome} in ${grouped(attempt.latencyMs)} ms`,
    ...passed,
    `held ${usd(holdUsd)}, settled at ${usd(amountUsd)} (${finality})${priceRow === null ? '' : ` by ${priceRow}`}`,
    `${grouped(inputTokens)} tokens in, ${grouped(outputTokens)} out`,
    ...(maxTokensSet === null ? [] : [`output limit set to ${grouped(maxTokensSet)}`]),
  ].join('\n');
}
