import { z } from 'zod';
import { Usd } from './scalars.js';

const spread = <Of extends z.ZodType>(of: Of) => z.object({ median: of, p90: of }).nullable();

/** What a task will take over all its sessions, as far as can be said. Null where nothing is known. */
export const Prediction = z.object({
  /** Like tasks that were completed, what the submitter said, or nothing. */
  basis: z.enum(['history', 'estimates', 'none']),
  /** How many like tasks it follows from: of the same executor, labels and project. */
  tasks: z.number().int(),
  usd: spread(Usd),
  /** Input and output. */
  tokens: spread(z.number()),
  /** Of work, over all sessions. */
  seconds: spread(z.number()),
  sessions: spread(z.number()),
});
export type Prediction = z.infer<typeof Prediction>;
