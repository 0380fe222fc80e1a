import { chmodSync, closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { PurserError } from '@purser/contracts';
import { openSqlite } from '@purser/service';
import { z } from 'zod';
import type { Home } from '../home.js';

const RunRecord = z.object({ pid: z.number().int(), startedAt: z.string() });
export type RunRecord = z.infer<typeof RunRecord>;

export interface HomeLock {
  /** Who held it before and did not give it back: it was killed. */
  abandoned: RunRecord | undefined;
  release(): void;
}

/** How long another process may hold it for a look (`purser doctor`). */
const LOOK_MS = 500;

/**
 * Takes the data folder for this process. The lock is one of the operating system's, through SQLite: it ends with the
 * process however that ends, so a lock that cannot be had means a Purser that runs, and nothing else.
 * @throws PurserError `conflict` that names the process which has it
 */
export function lockHome(home: Home): HomeLock {
  const database = openLock(home);
  if (!database) throw alreadyRunning(home);
  const abandoned = readRunRecord(home);
  const record: RunRecord = { pid: process.pid, startedAt: new Date().toISOString() };
  writeFileSync(home.runRecord, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  return {
    abandoned,
    release: () => {
      rmSync(home.runRecord, { force: true });
      database.close();
    },
  };
}

/** The Purser that runs on this data folder now, as far as another process can tell. */
export function runningOn(home: Home): RunRecord | 'unknown' | undefined {
  // A look leaves no file behind: it may be another user who looks, as root may.
  if (!existsSync(home.lock)) return undefined;
  const database = openLock(home);
  if (!database) return readRunRecord(home) ?? 'unknown';
  database.close();
  return undefined;
}

function openLock(home: Home): DatabaseSync | undefined {
  // Made by us, so that no other user can open it and hold a lock on it.
  closeSync(openSync(home.lock, 'a', 0o600));
  chmodSync(home.lock, 0o600);
  const database = openSqlite(home.lock, { timeout: LOOK_MS });
  try {
    database.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    // SQLITE_BUSY: somebody has it.
    if ((error as { errcode?: number }).errcode === 5) return undefined;
    throw new PurserError('internal', {
      message: `The lock ${home.lock} cannot be taken: ${(error as Error).message}. Is the folder on a disk of this machine, and writable?`,
      cause: error,
    });
  }
}

export function readRunRecord(home: Home): RunRecord | undefined {
  try {
    return RunRecord.parse(JSON.parse(readFileSync(home.runRecord, 'utf8')));
  } catch {
    return undefined; // None, or torn by a crash: then there is nothing to say about it.
  }
}

function alreadyRunning(home: Home): PurserError {
  const record = readRunRecord(home);
  const who = record ? `pid ${record.pid}, since ${record.startedAt}` : 'its pid is not known';
  const stop = record ? `Ctrl-C in its terminal, or \`kill ${record.pid}\`` : 'Ctrl-C in its terminal';
  return new PurserError('conflict', {
    message: `Purser already runs on ${home.root} (${who}).\nStop it first (${stop}), or give this one a data folder and ports of its own: PURSER_HOME, PURSER_NATS_PORT and the others that \`purser up --help\` lists.`,
    details: { ...record },
  });
}
