import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Spend } from '@purser/contracts';
import type { Nano } from '@purser/money';
import { syncFolder, writeWhole } from './disk.js';
import { JournalState, type WindowTotals } from './journal-state.js';
import { type HeldCall, type JournalRecord, readRecords } from './records.js';

/** Rewritten without what is done once it is this large, and twice as large as what is not done. */
const ROTATE_AT_BYTES = 1024 * 1024;

export interface JournalOptions {
  newGatewayId: () => string;
  /** Names this run of the machine; undefined when it cannot be told. */
  boot: string | undefined;
}

/**
 * What this gateway must not forget when it is killed: the calls in flight and their holds, settlements that the bus has
 * not confirmed, and what it consumed and returned of each lease.
 *
 * Every line is written before what it announces is done, but for settlements, which follow within moments, and before
 * anybody is told of them. That survives the death of the process; but only rewriting and closing sync to the disk, so
 * when the machine itself goes down the last lines may be lost, and with them what was held.
 * A journal that was not closed in this run of the machine therefore begins under a new name. What it still knows is
 * settled under the old one, whose leases are never taken up or returned again: they stay set aside until their windows
 * end or a person releases them.
 */
export class Journal {
  private file: number;
  private bytes = 0;
  private rotateAt = ROTATE_AT_BYTES;
  /** Lines that travel with the next one that must not wait, or after a while without one. */
  private waiting: JournalRecord[] = [];
  private timer: NodeJS.Timeout | undefined;
  private onUnwritable: ((error: unknown) => void) | undefined;
  /** The file is behind the state, or ends in a torn line: it must be rewritten before anything is added. */
  private behind = false;

  private constructor(
    private readonly folder: string,
    private readonly state: JournalState,
    /** The gateway whose leases were given up, when the machine went down under it. */
    readonly abandoned: string | undefined,
  ) {
    this.file = this.rewrite(state.records());
    // Or a power cut might bring back a file that says it was closed. Later ones do not: the file that they replace does not.
    syncFolder(folder);
  }

  /** Opens the journal of a folder that nobody else uses. Throws when it is damaged. */
  static open(folder: string, { newGatewayId, boot }: JournalOptions): Journal {
    const state = new JournalState();
    for (const record of readRecords(readText(join(folder, 'journal.log')))) state.apply(record);
    const whole = state.closed || (boot !== undefined && state.boot === boot);
    const abandoned = whole ? undefined : state.gateway;
    if (!whole || state.gateway === undefined) state.renameTo(newGatewayId());
    state.boot = boot;
    return new Journal(folder, state, abandoned);
  }

  /** Owner of the leases; the same over restarts, as long as the journal lives and nothing of it can be lost. */
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

  /** Throws when they cannot be written; then none of the calls may be made. */
  held(...calls: readonly HeldCall[]): void {
    this.append(...calls.map((call) => ({ t: 'hold' as const, call })));
  }

  /**
   * What has happened counts from now on; it is written within moments. Whoever is killed before that finds the hold when
   * it starts again, and charges all of it.
   */
  settled(spend: Spend, consumed?: Nano): void {
    const record = this.state.open.has(spend.attemptId) ? endOf(spend) : { t: 'settle' as const, spend };
    // Not by applying the record: that would make a second object of what the ledger is told of.
    this.state.settle(spend, consumed);
    this.waiting.push(record);
    this.timer ??= setTimeout(() => this.flush(), WAIT_MS);
  }

  /** Tells when what happened could not be written: it is in memory alone until the next line. */
  whenUnwritable(listener: (error: unknown) => void): void {
    this.onUnwritable = listener;
  }

  /** Throws when it cannot be written; then nothing is returned. */
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

  /** Nothing can be written any more. */
  close(): void {
    clearTimeout(this.timer);
    try {
      this.rotate([...this.state.records(), { t: 'closed' }]);
    } catch {
      // The file stays as it is: not closed, which matters only if the machine goes down before the next start.
    } finally {
      closeSync(this.file);
      // The number may soon be another file's.
      this.file = -1;
    }
  }

  private append(...records: readonly JournalRecord[]): void {
    this.write(records);
    for (const record of records) this.state.apply(record);
    this.rotateWhenLarge();
  }

  /** Writes what waits. When that fails, its listener is told, and the next line tries again. */
  flush(): void {
    if (this.waiting.length === 0) return;
    try {
      this.write();
    } catch (error) {
      this.onUnwritable?.(error);
      return;
    }
    this.rotateWhenLarge();
  }

  /** Writes what waits, and then these. */
  private write(added: readonly JournalRecord[] = []): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const records = this.waiting;
    this.waiting = [];
    if (this.behind) {
      // With what waited, which the state knows already.
      this.rotate(this.state.records());
      records.length = 0;
    }
    records.push(...added);
    const lines = linesOf(records);
    try {
      writeWhole(this.file, lines);
    } catch (error) {
      this.cutOffTornLine();
      throw error;
    }
    this.bytes += lines.length;
  }

  /**
   * So that a restart does not take for written what was refused. Nothing follows a torn line in any case. On a disk that
   * does not even take this, the whole ones of several lines stay until the rewriting: whoever is killed before it charges
   * the holds of these calls, which were not made. No line could be added that says so, and more is charged, not less.
   */
  private cutOffTornLine(): void {
    this.behind = true;
    try {
      ftruncateSync(this.file, this.bytes);
    } catch {
      // Then the rewriting gets rid of it.
    }
  }

  private rotateWhenLarge(): void {
    if (this.bytes < this.rotateAt) return;
    try {
      this.rotate(this.state.records());
    } catch {
      // The old file is whole and goes on; when the disk is full, the next line will say so.
      this.rotateAt = this.bytes + ROTATE_AT_BYTES;
    }
  }

  private rotate(records: readonly JournalRecord[]): void {
    const old = this.file;
    this.file = this.rewrite(records);
    this.behind = false;
    closeSync(old);
  }

  /** Puts a new file in the old one's place, once all of it is on the disk. */
  private rewrite(records: readonly JournalRecord[]): number {
    const target = join(this.folder, 'journal.log');
    const draft = `${target}.new`;
    const bytes = linesOf(records);
    const file = openSync(draft, 'w', 0o600);
    try {
      writeWhole(file, bytes);
      fsyncSync(file);
      renameSync(draft, target);
    } catch (error) {
      closeSync(file);
      rmSync(draft, { force: true });
      throw error;
    }
    this.bytes = bytes.length;
    this.rotateAt = Math.max(ROTATE_AT_BYTES, this.bytes * 2);
    return file;
  }
}

/** A kill in between costs no more than that a call is charged at its hold; to write each settlement by itself costs every call. */
const WAIT_MS = 5;

const linesOf = (records: readonly JournalRecord[]): Buffer => {
  let text = '';
  for (const record of records) text += `${JSON.stringify(record)}\n`;
  return Buffer.from(text);
};

function endOf(spend: Spend): JournalRecord {
  const { attemptId, amountUsd, inputTokens, outputTokens, cachedTokens, finality, outcome, latencyMs } = spend;
  const { firstPaidUsd } = spend;
  return {
    t: 'end',
    attemptId,
    amountUsd,
    inputTokens,
    outputTokens,
    cachedTokens,
    finality,
    outcome,
    latencyMs,
    ...(firstPaidUsd === undefined ? {} : { firstPaidUsd }),
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
