import { Spend } from '@purser/contracts';
import { z } from 'zod';

const outcome = {
  amountUsd: true,
  inputTokens: true,
  outputTokens: true,
  cachedTokens: true,
  finality: true,
  outcome: true,
  latencyMs: true,
  firstPaidUsd: true,
} as const;

/** Who gets which call, known before it is made; all of a settlement but its outcome. */
export const HeldCall = Spend.omit(outcome);
export type HeldCall = z.infer<typeof HeldCall>;

const decimal = z.string().regex(/^\d+$/);

/** One line of the journal. Amounts are nano-dollars in decimal. */
export const JournalRecord = z.discriminatedUnion('t', [
  /** The first line: whose leases these are, and in which run of the machine it was written. */
  z.object({ t: z.literal('gateway'), id: z.string().min(1), boot: z.string().optional(), version: z.literal(1) }),
  z.object({ t: z.literal('totals'), windows: z.record(z.string(), z.tuple([decimal, decimal])) }),
  z.object({ t: z.literal('hold'), call: HeldCall }),
  /** How a call ended whose hold stands in an earlier line. */
  Spend.pick(outcome).extend({ t: z.literal('end'), attemptId: z.string() }),
  z.object({ t: z.literal('settle'), spend: Spend }),
  z.object({ t: z.literal('return'), window: z.string(), total: decimal }),
  /** The last line after a graceful stop: everything before it is on the disk. */
  z.object({ t: z.literal('closed') }),
]);
export type JournalRecord = z.infer<typeof JournalRecord>;

/** What the file says makes no sense; not that it cannot be reached. */
export class DamagedJournal extends Error {}

/** Reads a journal's text. A last line that was torn off is left out; any other damage throws. */
export function readRecords(text: string): JournalRecord[] {
  const lines = text.split('\n');
  const torn = lines.pop();
  const records = lines.map((line, index) => parse(line, index + 1));
  // A whole record without its line break was written just before the end came.
  if (torn) {
    try {
      records.push(parse(torn, lines.length + 1));
    } catch {
      // Torn: its write did not finish, so the call that it announces was never made.
    }
  }
  return records;
}

function parse(line: string, number: number): JournalRecord {
  try {
    return JournalRecord.parse(JSON.parse(line));
  } catch (cause) {
    throw new DamagedJournal(`line ${number} of the journal cannot be read: ${(cause as Error).message}`, { cause });
  }
}
