import type { z } from 'zod';

export interface FieldIssue {
  path: PropertyKey[];
  message: string;
}

/** What zod says of a union that says nothing of itself. */
const SAYS_NOTHING = 'Invalid input';

/** Where a value may have one of several shapes, the one that it comes nearest to says what is wrong. */
export function fieldIssues(issue: z.core.$ZodIssue, above: PropertyKey[] = []): FieldIssue[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...path, key], message: issue.message }));
  if (issue.code !== 'invalid_union' || issue.errors.length === 0 || issue.message !== SAYS_NOTHING)
    return [{ path, message: issue.message }];
  const depth = (issues: FieldIssue[]) => Math.max(0, ...issues.map((one) => one.path.length));
  return issue.errors
    .map((shape) => shape.flatMap((one) => fieldIssues(one, path)))
    .reduce((nearest, other) => (depth(other) > depth(nearest) ? other : nearest));
}
