import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Instant, Token } from './scalars.js';

/**
 * The durable emergency state. Of two, the one with the higher serial holds; of two with the same serial the cleared one,
 * so a replayed broadcast of an emergency that is over does nothing.
 */
export const Latch = z.object({
  serial: z.number().int().nonnegative(),
  active: z.boolean(),
  by: z.string(),
  reason: z.string(),
  at: Instant,
});
export type Latch = z.infer<typeof Latch>;

export const Acknowledgement = z.object({
  serial: z.number().int(),
  service: Token,
  instance: Token,
  at: Instant,
  /** What it stopped, in words a person can check: `session 7f3 of task nightly`, `2 paid calls`. */
  stopped: z.array(z.string()),
});
export type Acknowledgement = z.infer<typeof Acknowledgement>;

/** Who did it and why, in a person's words; both are kept. */
export const Decision = z.strictObject({
  by: z.string({ error: 'your name, such as "ada"' }).min(1, 'your name, such as "ada"').max(200),
  reason: z.string({ error: 'why, in a sentence' }).min(1, 'why, in a sentence').max(2000),
});

export const emergencyTrigger = operation('emergency.trigger', {
  owner: 'cost-watchdog',
  summary: 'Set the latch: agents stop, paid calls are cancelled and refused, nothing starts until a person resets it.',
  request: Decision,
  reply: Latch,
  http: { method: 'POST', path: '/v1/emergency/trigger' },
});

export const emergencyReset = operation('emergency.reset', {
  owner: 'cost-watchdog',
  summary: 'Clear the latch.',
  request: Decision,
  reply: Latch,
  http: { method: 'POST', path: '/v1/emergency/reset' },
});

export const emergencyStatus = operation('emergency.status', {
  owner: 'cost-watchdog',
  summary: 'The latch, and who acknowledged the last emergency with what.',
  request: z.object({}),
  reply: z.object({ latch: Latch, acknowledgements: z.array(Acknowledgement) }),
  http: { method: 'GET', path: '/v1/emergency' },
});

export const emergencyShutdown = fact('emergency.shutdown', {
  by: 'cost-watchdog',
  stream: 'FACTS',
  summary: 'The latch is set: every service stops what costs money, by itself, and acknowledges.',
  data: Latch,
});

export const emergencyCleared = fact('emergency.cleared', {
  by: 'cost-watchdog',
  stream: 'FACTS',
  summary: 'A person reset the latch.',
  data: Latch,
});

export const emergencyAcknowledged = fact('emergency.acknowledged', {
  by: 'every service',
  id: 'service.instance',
  stream: 'FACTS',
  summary: 'A service has stopped what it runs.',
  data: Acknowledgement,
});
