import { z } from 'zod';
import { Instant } from './scalars.js';

export const Grade = z.object({
  /** From 0 to 1. Null when the grader gave none; `why` then says what was wrong. */
  grade: z.number().min(0).max(1).nullable(),
  why: z.string().max(4_000).nullable(),
  /** The program, or the model. */
  by: z.string().max(500),
});
export type Grade = z.infer<typeof Grade>;

const seconds = z.number().nonnegative();
const tokens = z.number().int().nonnegative();

/** What a runner measured of a session: the success figures follow from it. Tokens are those that the gateway metered. */
export const SessionMeasures = z.object({
  /** From the claim to the end. */
  seconds,
  tokens: tokens.optional(),
  /** Until the first checkpoint with another digest than the one it began from, or the first new progress. Null: none came. */
  firstProgressSeconds: seconds.nullable(),
  firstProgressTokens: tokens.optional(),
  /** What was used after the last checkpoint and has to be done again: of a session that was killed, or whose program failed. */
  unsavedSeconds: seconds.default(0),
  unsavedTokens: tokens.optional(),
  /** It was stopped before it had ended by itself. */
  killed: z.boolean().default(false),
  /** The checkpoint that it went on from. */
  resumed: z
    .object({
      epoch: z.number().int(),
      number: z.number().int(),
      at: Instant,
      /** Its bytes still have the digest that they were saved with, and no later checkpoint had to be given up. */
      intact: z.boolean(),
    })
    .nullable()
    .default(null),
  grade: Grade.nullable().default(null),
});
export type SessionMeasures = z.infer<typeof SessionMeasures>;
