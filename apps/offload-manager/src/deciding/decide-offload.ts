import { formatUsd } from '@purser/money';
import { PLENTIFUL } from '../memory/memory-reading.js';
import { chooseMachine } from './machine-choice.js';
import type { Candidate, PlannedMove, Rules, Situation, Verdict } from './situation.js';
import { heaviestFirst, heldFor, nothing, sumOf } from './verdicts.js';

/** Falling at this rate, memory would be critical so soon that it counts as critical now. */
const FORESIGHT_MINUTES = 2;

export function decideOffload(situation: Situation, rules: Rules, slots: number): Verdict {
  const { now, pressureSince, market } = situation;
  if (!rules.offloads) return nothing('off', 'memory is scarce, and HYBRID_ORCHESTRATION_ENABLED is false');
  const urgent = isUrgent(situation, rules);
  if (!urgent && !heldFor(pressureSince, now, rules.sustainMs))
    return nothing('pressure_waits', `memory is scarce, but not yet for ${rules.sustainMs / 1000} s`);
  const onTheWay = leavingMb(situation);
  if (onTheWay > 0 && missingMb(situation, rules) <= 0)
    return nothing('leaving', `memory is scarce, and what is on its way to VMs frees ${Math.round(onTheWay)} MB`);
  const here = situation.candidates.filter(({ at }) => at === undefined || at.place === 'local');
  const heavy = here.filter(({ weight }) => weight >= rules.minWeight).sort(heaviestFirst);
  if (heavy.length === 0)
    return nothing(
      'nothing_movable',
      `memory is scarce, and no component that is here can move and weighs ${rules.minWeight} or more`,
    );
  if (market.hindrance !== undefined)
    return nothing('hindered', `memory is scarce, but no VM can be made: ${market.hindrance}`);
  if (market.pointless !== undefined) return nothing('same_machine', `memory is scarce, but ${market.pointless}`);
  const tried = heavy.filter(({ at }) => (at?.notBefore?.getTime() ?? 0) <= now.getTime());
  if (tried.length === 0)
    return nothing(
      'failed',
      'memory is scarce, but moves of all that could move have failed, and are not tried again yet',
    );
  const ready = tried.filter(({ at }) => urgent || at === undefined || heldFor(at.since, now, rules.dwellMs));
  if (ready.length === 0)
    return nothing(
      'dwelling',
      `memory is scarce, but all that could move came here less than ${rules.dwellMs / 1000} s ago`,
    );
  const { moves, misfits } = planned(situation, rules, ready, slots);
  if (moves.length === 0) return nothing(...misfits);
  return {
    action: 'offload',
    code: urgent ? 'critical' : 'pressure',
    reason: pressureWords(situation, urgent),
    urgent,
    moves,
  };
}

/** What moves that are under way will have freed. */
const leavingMb = ({ candidates }: Situation): number =>
  sumOf(
    candidates.filter(({ at }) => at?.place === 'moving' && at.towards === 'vm'),
    ({ memoryMb }) => memoryMb,
  );

/** Until memory is plentiful, beside what is on the way. */
function missingMb(situation: Situation, { bounds }: Rules): number {
  const { availableMb, totalMb } = situation.memory;
  const byPercent = (totalMb * (100 - bounds.maxUsedPercent)) / 100;
  return Math.max(bounds.offloadMb * PLENTIFUL, byPercent) - availableMb - leavingMb(situation);
}

function isUrgent({ pressure, memory, trendMbPerMinute: trend = 0 }: Situation, { bounds }: Rules): boolean {
  return pressure === 'critical' || memory.availableMb + Math.min(0, trend) * FORESIGHT_MINUTES < bounds.criticalMb;
}

/** The heaviest first, until so much is freed that memory is plentiful; each is paid for with what those before left. */
function planned(situation: Situation, rules: Rules, ready: readonly Candidate[], slots: number) {
  const { market } = situation;
  let missing = missingMb(situation, rules);
  let { affordable } = market;
  let misfits: [code: string, reason: string] = ['nothing_fits', 'memory is scarce, but nothing fits any machine'];
  const moves: PlannedMove[] = [];
  for (const { name, weight, neededMb, memoryMb } of ready) {
    if (moves.length === slots || (moves.length > 0 && missing <= 0)) break;
    const { preemptions, offers } = market;
    const machine = chooseMachine(offers, { ...rules, neededMb, affordable, preemptions });
    if (machine === 'none_fits') continue;
    if (machine === 'unaffordable') {
      const left = affordable === undefined ? 'nothing' : `$${formatUsd(affordable)}`;
      misfits = [
        'unaffordable',
        `memory is scarce, but budgets have only ${left} left, and no VM is made that is not paid for to its end`,
      ];
      continue;
    }
    if (affordable !== undefined) affordable -= machine.worstCase;
    missing -= memoryMb;
    const kind = machine.spot ? 'a spot' : 'a regular';
    const reason = `weighs ${weight} and takes ${Math.round(memoryMb)} MB; ${kind} ${machine.machineType} is the cheapest that holds it`;
    moves.push({ component: name, to: 'vm', machine, reason, memoryMb });
  }
  return { moves, misfits };
}

function pressureWords({ memory, pressure, trendMbPerMinute }: Situation, urgent: boolean): string {
  const left = `${Math.round(memory.availableMb)} MB of ${memory.totalMb} MB are free`;
  if (!urgent) return `memory is scarce: ${left}`;
  if (pressure === 'critical') return `memory is critical: ${left}`;
  return `memory will be critical: ${left}, and ${Math.round(-(trendMbPerMinute ?? 0))} MB less every minute`;
}
