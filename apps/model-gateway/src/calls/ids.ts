import { randomFillSync } from 'node:crypto';

/** Of the system's randomness, many ids at once. */
const POOL = Buffer.alloc(16 * 256);
let used = POOL.length;

function randomHex(): string {
  if (used === POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  used += 16;
  return POOL.toString('hex', used - 16, used);
}

/**
 * Ids that are near in time are near in order. The ledger has indexes of them: with ids in no order, each of ten million
 * entries changed a page of its own, and half of what a settlement cost was writing those pages.
 */
export const newId = (what: 'call' | 'attempt', at = new Date()): string =>
  `${what}-${at.getTime().toString(16).padStart(12, '0')}-${randomHex()}`;
