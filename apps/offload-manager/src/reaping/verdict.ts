import type { ComputeDriver, ComputeResource } from '@purser/plugin-sdk';
import type { Claim } from './strays.repository.js';

/**
 * `claimed`: a VM of the records has it. `watched`: nobody has it, and it is too young to be deleted. `orphan`: nobody has it.
 * `over_age`: it is past the end that it was created with, whoever has it.
 */
export type Verdict = 'claimed' | 'watched' | 'orphan' | 'over_age';

export interface Judged {
  provider: string;
  place: string;
  resource: ComputeResource;
  verdict: Verdict;
  reason: string;
}

/** Whoever claims it deletes it at its end; only when that has not happened so long after does the reaper. */
const OVER_AGE_GRACE_MS = 2 * 60_000;

/** By its label; undefined where that says nothing of the kind. */
export function expiryOf({ labels }: ComputeResource): Date | undefined {
  const at = Number(labels['purser-expires'] ?? Number.NaN) * 1_000;
  return Number.isFinite(at) && Math.abs(at) < 8.64e15 ? new Date(at) : undefined;
}

/** The reaper goes by labels and by the platform's own times; of the records it takes only what they claim. */
export function judge(
  { provider, place }: Pick<ComputeDriver, 'provider' | 'place'>,
  resource: ComputeResource,
  claims: readonly Claim[],
  { now, orphanMs }: { now: Date; orphanMs: number },
): Judged {
  const { labels, zone, name, kind, createdAt } = resource;
  const judged = (verdict: Verdict, reason: string): Judged => ({ provider, place, resource, verdict, reason });
  const expires = expiryOf(resource);
  if (expires && now.getTime() > expires.getTime() + OVER_AGE_GRACE_MS)
    return judged('over_age', `its lifetime was over at ${expires.toISOString()}`);
  const owner = claims.find(
    (claim) =>
      claim.id === labels['purser-vm'] &&
      claim.provider === provider &&
      (claim.place ?? place) === place &&
      claim.zone === zone,
  );
  // Disks and addresses of a VM have names of their own, and its label.
  if (owner && (kind !== 'vm' || owner.name === name)) return judged('claimed', `belongs to VM ${owner.id}`);
  const reason = `no VM of the records claims this ${kind}, created at ${createdAt.toISOString()}`;
  const old = now.getTime() - createdAt.getTime() >= orphanMs;
  return judged(old ? 'orphan' : 'watched', reason);
}
