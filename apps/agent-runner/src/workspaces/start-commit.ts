/** What was found of a task's branch and of the commit that its state belongs to. */
export interface BranchFacts {
  branch: string;
  /** Of the base branch, at the remote. */
  base: string;
  /** Of the task's own branch, at the remote. */
  tip: string | null;
  /** What the last session recorded. */
  commit: string | null;
  pushed: boolean;
  lastRunner: string | null;
  /** This machine has the commit. */
  known: boolean;
  tipContainsCommit: boolean;
  commitContainsTip: boolean;
}

export type Start = { start: string; note?: string } | { problem: string };

const short = (commit: string) => commit.slice(0, 12);

/**
 * Which commit a session begins with: the one that the last session recorded, or a newer one on top of it. Never an
 * older one: the checkpoint would tell of work that is not there.
 */
export function chooseStart(facts: BranchFacts): Start {
  const { branch, base, tip, commit, pushed, lastRunner, known } = facts;
  if (commit === null) {
    if (tip === null) return { start: base };
    return { start: tip, note: `the branch ${branch} is there already; the work goes on from ${short(tip)}` };
  }
  if (tip === commit) return { start: commit };
  if (tip !== null && facts.tipContainsCommit)
    return { start: tip, note: `the branch ${branch} has moved on to ${short(tip)} meanwhile` };
  const mayGoOn = tip === null || (!pushed && facts.commitContainsTip);
  if (known && mayGoOn)
    return { start: commit, note: `the branch ${branch} lacks ${short(commit)}, which is here; it will be pushed` };
  if (!pushed)
    return { problem: `its last commit ${short(commit)} could not be pushed and is on the runner ${lastRunner} alone` };
  const where = tip === null ? 'is not there any more' : `is at ${short(tip)}, which does not contain it`;
  return { problem: `its state belongs to commit ${short(commit)}, but the branch ${branch} ${where}` };
}
