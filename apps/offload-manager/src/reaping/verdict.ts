import type { ComputeResource } from '@purser/plugin-sdk';
import type { Claim } from './strays.repository.js';

/**
 * `claimed`: a VM of the records has it. `watched`: nobody has it, and it is too young to be deleted. `orphan`: nobody has it.
 * `over_age`: it is past the end that it was created with, whoever has it.
 */
export type Verdict = 'claimed' | 'watched' | 'orphan' | 'over_age';

export interface Judged {
  provider: string;
  resource: ComputeResource;
  verdict: Verdict;
  reason: string;
}

/** Whoever claims it deletes it at its end; only when that has not happened so long after does the reaper. */
const OVER_AGE_GRACE_MS = 2 * 60_000;

/** The reaper goes by labels and by the platform's own times; of the records it takes only what they claim. */
export function judge(
  provider: string,
  resource: ComputeResource,
  claims: readonly Claim[],
  { now, orphanMs }: { now: Date; orphanMs: number },
): Judged {
  const { labels, zone, name, kind, createdAt } = resource;
  const expires = Number(labels['purser-expires'] ?? Number.NaN) * 1_000;
  if (now.getTime() > expires + OVER_AGE_GRACE_MS) {
    const at = new Date(expires).toISOString();
    return { provider, resource, verdict: 'over_age', reason: `its lifetime was over at ${at}` };
  }
  const owner = claims.find(
    (claim) => claim.id === labels['purser-vm'] && claim.provider === provider && claim.zone === zone,
  );
  // Disks and addresses of a VM have names of their own, and its label.
  if (owner && (kind !== 'vm' || owner.name === name))
    return { provider, resource, verdict: 'claimed', reason: `belongs to VM ${owner.id}` };
  const reason = `no VM of the records claims this ${kind}, created at ${createdAt.toISOString()}`;
  const old = now.getTime() - createdAt.getTime() >= orphanMs;
  return { provider, resource, verdict: old ? 'orphan' : 'watched', reason };
}
