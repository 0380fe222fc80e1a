import type { EmergencyReport, Latch, ServiceInstance, ShutdownTarget, StandingCost } from '@purser/contracts';
import { formatUsd, parseUsd, sumNano } from '@purser/money';
import { silent } from './responders.js';
import { stillLives, wasStopped } from './target-list.js';

/** When the latch was set names the report, and its files: it is the same for every watchdog. */
export const reportId = ({ at }: Pick<Latch, 'at'>): string =>
  `emergency_${new Date(at).toISOString().replaceAll(/[:.]/g, '-')}`;

/** What goes on costing money: what could not be stopped, what was left running at a known price, what nobody can stop. */
export function stillCosting(
  targets: readonly ShutdownTarget[],
  missing: readonly ServiceInstance[],
  standing: readonly StandingCost[],
): EmergencyReport['stillCosting'] {
  const running = targets.filter((target) => stillLives(target) || (!wasStopped(target) && target.usdPerHour !== null));
  const items = [
    ...running.map(({ kind, name, usdPerHour }) => ({ what: `${kind} ${name}`, usdPerHour })),
    ...missing.map(({ service, instance }) => ({
      what: `${service} ${instance}, which has not acknowledged`,
      usdPerHour: null,
    })),
    ...standing,
  ];
  const known = items.flatMap(({ usdPerHour }) => (usdPerHour === null ? [] : [parseUsd(usdPerHour)]));
  return { usdPerHour: formatUsd(sumNano(known)), items };
}

/** Every watchdog looks at its own machine; one that was started again adds to what it said before. */
export function merged(
  earlier: EmergencyReport,
  later: EmergencyReport,
  standing: readonly StandingCost[],
): EmergencyReport {
  const key = ({ watchdog, kind, id }: ShutdownTarget) => `${watchdog} ${kind} ${id}`;
  const targets = new Map([...earlier.targets, ...later.targets].map((target) => [key(target), target]));
  const expected = new Map(
    [...earlier.missing, ...later.missing].map((one) => [`${one.service} ${one.instance}`, one]),
  );
  const missing = silent([...expected.values()], later.acknowledgements);
  const all = [...targets.values()];
  return {
    ...later,
    steps: distinctSteps([...earlier.steps, ...later.steps]),
    evidence: later.evidence ?? earlier.evidence,
    targets: all,
    missing,
    stillCosting: stillCosting(all, missing, standing),
    problems: [...new Set([...earlier.problems, ...later.problems])],
  };
}

function distinctSteps(steps: EmergencyReport['steps']): EmergencyReport['steps'] {
  const seen = new Map(steps.map((one) => [`${one.watchdog} ${one.step} ${one.at}`, one]));
  return [...seen.values()].sort((a, b) => a.at.localeCompare(b.at)).slice(0, 100);
}
