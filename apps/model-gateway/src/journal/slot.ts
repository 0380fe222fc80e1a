import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { PurserError } from '@purser/contracts';
import { openSqlite } from '@purser/service';
import { readBootId } from './boot.js';
import { Journal } from './journal.js';
import { DamagedJournal } from './records.js';

const MAX_SLOTS = 256;

/** A folder of a gateway's own under the home that several may share, and the journal in it. */
export interface Slot {
  number: number;
  journal: Journal;
  /** What was wrong with the journal that lay here; it was set aside. */
  damage: Error | undefined;
  release(): void;
}

/** Takes the first free slot. It is free again when this process ends, however it ends. */
export function takeSlot(home: string, boot = readBootId()): Slot {
  const root = join(home, 'gateway');
  for (let number = 0; number < MAX_SLOTS; number++) {
    const folder = join(root, String(number));
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const lock = lockFolder(folder);
    if (!lock) continue;
    try {
      return { number, ...openJournal(folder, boot), release: () => lock.close() };
    } catch (error) {
      lock.close();
      throw error;
    }
  }
  throw new PurserError('unavailable', {
    message: `${root}: all ${MAX_SLOTS} places are taken by running gateways; give this one a PURSER_HOME of its own`,
  });
}

/** An exclusive transaction holds an OS lock on the file, which ends with the process; Node offers no other way to one. */
function lockFolder(folder: string): DatabaseSync | undefined {
  const database = openSqlite(join(folder, 'lock.db'));
  try {
    database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    if (/locked|busy/i.test((error as Error).message)) return undefined;
    throw error;
  }
}

function openJournal(folder: string, boot: string | undefined): { journal: Journal; damage: Error | undefined } {
  const newGatewayId = () =>
    `gateway-${hostname()
      .replaceAll(/[^A-Za-z0-9_-]/g, '-')
      .slice(0, 40)}-${randomBytes(4).toString('hex')}`;
  const open = () => Journal.open(folder, { newGatewayId, boot });
  try {
    return { journal: open(), damage: undefined };
  } catch (error) {
    if (!(error instanceof DamagedJournal)) throw error;
    // Under a new id: what the old one had leased stays set aside until the watchdog presumes it spent.
    renameSync(join(folder, 'journal.log'), join(folder, `journal.damaged-${Date.now()}`));
    return { journal: open(), damage: error };
  }
}
