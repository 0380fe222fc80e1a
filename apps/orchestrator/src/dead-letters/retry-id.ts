import { createHash } from 'node:crypto';

const LONGEST = 64;

/** `nightly`, `nightly-r1`, `nightly-r2`: the same each time, so that a retry that is asked for twice is one. */
export function retryId(id: string): string {
  const [, base = id, number = '0'] = /^(.+)-r(\d{1,6})$/.exec(id) ?? [];
  const suffix = `-r${Number(number) + 1}`;
  if (base.length + suffix.length <= LONGEST) return base + suffix;
  // Two long ids that begin alike are still two.
  const mark = createHash('sha256').update(base).digest('hex').slice(0, 8);
  return `${base.slice(0, LONGEST - suffix.length - mark.length - 1)}-${mark}${suffix}`;
}
