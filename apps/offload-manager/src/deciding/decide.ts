import { isPlentiful } from '../memory/memory-reading.js';
import { decideOffload } from './decide-offload.js';
import type { Candidate, PlannedMove, Rules, Situation, Verdict } from './situation.js';
import { heldFor, lightestFirst, nothing, sumOf } from './verdicts.js';

/** So long before its VM's end a component starts at home. */
const LEAD_MS = 600_000;

/**
 * What to do now. First whatever must leave its VM; under pressure what frees memory, at once when it is critical; when
 * memory has been plentiful for long enough, what can come home. Everything else is a reason to do nothing.
 */
export function decide(situation: Situation, rules: Rules): Verdict {
  const { candidates, pressure } = situation;
  // Whatever else moves: staying would be an outage.
  const leaving = mustLeave(situation);
  if (leaving.length > 0) return homewards('vm_ends', 'VMs will not be there for long', leaving);
  const moving = candidates.filter(({ at }) => at?.place === 'moving').length;
  const slots = rules.atOnce - moving;
  if (slots <= 0) return nothing('moving', `${moving} components are moving, which is as many as may at once`);
  if (pressure === 'pressure' || pressure === 'critical') return decideOffload(situation, rules, slots);
  return decideRecall(situation, rules, slots);
}

function mustLeave({ candidates, now }: Situation): PlannedMove[] {
  return candidates.flatMap(({ name, at }) => {
    if (at?.place !== 'vm') return [];
    const { leaving, expiresAt, since } = at;
    if (leaving !== undefined)
      return [{ component: name, to: 'local', machine: undefined, reason: leaving, must: true }];
    if (expiresAt === undefined) return [];
    // A tenth of a short life.
    const lead = Math.min(LEAD_MS, (expiresAt.getTime() - since.getTime()) / 10);
    if (expiresAt.getTime() - now.getTime() > lead) return [];
    const reason = `its VM ends at ${expiresAt.toISOString()}`;
    return [{ component: name, to: 'local', machine: undefined, reason, must: true }];
  });
}

function decideRecall(situation: Situation, rules: Rules, slots: number): Verdict {
  const { candidates, pressure, calmSince, now } = situation;
  const away = candidates.filter(({ at }) => at?.place === 'vm');
  if (away.length === 0) return nothing(`${pressure}_home`, words(pressure, 'there is memory enough'));
  if (pressure !== 'calm')
    return nothing('easing', 'memory is neither scarce nor plentiful: what is on VMs stays there');
  if (!heldFor(calmSince, now, rules.dwellMs))
    return nothing('calm_waits', `memory is plentiful, but not yet for ${rules.dwellMs / 1000} s`);
  const dwelt = away.filter(({ at }) => heldFor(at?.since, now, rules.dwellMs));
  if (dwelt.length === 0)
    return nothing('dwelling', `what is on VMs came there less than ${rules.dwellMs / 1000} s ago`);
  const ready = dwelt.filter(({ memoryMb }) => memoryMb > 0).sort(lightestFirst);
  if (ready.length === 0)
    return nothing('size_unknown', 'memory is plentiful, but nobody knows what those that are on VMs would take of it');
  const home = withinMemory(situation, rules, ready, away);
  if (home.length === 0)
    return nothing('no_room', 'memory is plentiful, but would not be with any of those that are on VMs');
  const moves = home.slice(0, slots).map(({ name, memoryMb }): PlannedMove => ({
    component: name,
    to: 'local',
    machine: undefined,
    reason: `there is room for its ${Math.round(memoryMb)} MB here`,
  }));
  return homewards('calm', 'memory has been plentiful for long enough', moves);
}

const words = (pressure: string, text: string): string => (pressure === 'easing' ? `${text}, though not plenty` : text);

/**
 * The lightest first, as long as memory stays plentiful. While not all of them fit, at least the least share of what could
 * be offloaded stays where it is: its VMs are paid for, and pressure may come back.
 */
function withinMemory(
  { memory, candidates }: Situation,
  { bounds, minVmShare, minWeight }: Rules,
  ready: readonly Candidate[],
  away: readonly Candidate[],
): Candidate[] {
  const fits = (freedMb: number) =>
    isPlentiful(
      {
        availableMb: memory.availableMb - freedMb,
        usedPercent: memory.usedPercent + (freedMb / memory.totalMb) * 100,
      },
      bounds,
    );
  const offloadable = sumOf(
    candidates.filter((one) => one.weight >= minWeight || one.at?.place === 'vm'),
    ({ weight }) => weight,
  );
  const all = fits(sumOf(away, ({ memoryMb }) => memoryMb));
  const home: Candidate[] = [];
  let left = sumOf(away, ({ weight }) => weight);
  for (const one of ready) {
    const stays = all || left - one.weight >= offloadable * minVmShare;
    if (!stays || !fits(sumOf([...home, one], ({ memoryMb }) => memoryMb))) break;
    home.push(one);
    left -= one.weight;
  }
  return home;
}

const homewards = (code: string, reason: string, moves: PlannedMove[]): Verdict => ({
  action: 'recall',
  code,
  reason,
  urgent: false,
  moves,
});
