import { randomUUID } from 'node:crypto';

/**
 * Ids that are near in time are near in order. The ledger has indexes of them: with ids in no order, each of ten million
 * entries changed a page of its own, and half of what a settlement cost was writing those pages.
 */
export const newId = (what: 'call' | 'attempt', at = new Date()): string =>
  `${what}-${at.getTime().toString(16).padStart(12, '0')}-${randomUUID()}`;
