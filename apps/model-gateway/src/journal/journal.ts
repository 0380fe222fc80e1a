import { closeSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Spend } from '@purser/contracts';
import type { Nano } from '@purser/money';
import { JournalState, type WindowTotals } from './journal-state.js';
import { type HeldCall, type JournalRecord, readRecords } from './records.js';

/** Rewritten without what is done once it is this large, and twice as large as what is not done. */
const ROTATE_AT_BYTES = 1024 * 1024;

/**
 * What this gateway must not forget when it is killed: the calls in flight and their holds, settlements that the bus has
 * not confirmed, and what it consumed and returned of each lease.
 *
 * Every line is written before what it announces is done, in one write to a file opened for appending. That survives
 * the death of the process; it is not synced to the disk, so a power cut may lose the last lines: the leases that they
 * were about then stay set aside, which errs on the safe side.
 */
export class Journal {
  private file: number;
  private bytes = 0;
  private rotateAt = ROTATE_AT_BYTES;

  private constructor(
    private readonly folder: string,
    private readonly state: JournalState,
  ) {
    this.file = this.rewrite();
  }

  /** Opens the journal of a folder that nobody else uses. Throws when it is damaged. */
  static open(folder: string, newGatewayId: () => string): Journal {
    const state = new JournalState();
    for (const record of readRecords(readText(join(folder, 'journal.log')))) state.apply(record);
    state.gateway ??= newGatewayId();
    return new Journal(folder, state);
  }

  /** Owner of the leases; the same over restarts, as long as the journal lives. */
  get gateway(): string {
    return this.state.gateway ?? '';
  }

  get totals(): ReadonlyMap<string, WindowTotals> {
    return this.state.totals;
  }

  get inFlight(): HeldCall[] {
    return [...this.state.open.values()];
  }

  get unsent(): Spend[] {
    return [...this.state.unsent.values()];
  }

  get unsentCount(): number {
    return this.state.unsent.size;
  }

  held(call: HeldCall): void {
    this.append({ t: 'hold', call });
  }

  settled(spend: Spend): void {
    this.append({ t: 'settle', spend });
  }

  returned(window: string, total: Nano): void {
    this.append({ t: 'return', window, total: `${total}` });
  }

  /** The bus has it: it need not survive here. */
  sent(attemptId: string): void {
    this.state.unsent.delete(attemptId);
  }

  /** A window that was over long ago. */
  forget(windowId: string): void {
    this.state.totals.delete(windowId);
  }

  close(): void {
    this.rotate();
    closeSync(this.file);
  }

  private append(record: JournalRecord): void {
    this.state.apply(record);
    try {
      this.bytes += writeSync(this.file, `${JSON.stringify(record)}\n`);
    } catch (error) {
      // The line may be there in part, so the next one must not follow it.
      this.rotateAt = 0;
      throw error;
    }
    if (this.bytes >= this.rotateAt) this.rotate();
  }

  private rotate(): void {
    const old = this.file;
    this.file = this.rewrite();
    closeSync(old);
  }

  /** Writes what is not done to a new file and puts it in the old one's place. */
  private rewrite(): number {
    const target = join(this.folder, 'journal.log');
    const text = this.state
      .records()
      .map((record) => `${JSON.stringify(record)}\n`)
      .join('');
    const file = openSync(`${target}.new`, 'w', 0o600);
    this.bytes = writeSync(file, text);
    renameSync(`${target}.new`, target);
    this.rotateAt = Math.max(ROTATE_AT_BYTES, this.bytes * 2);
    return file;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
