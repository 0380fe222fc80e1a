import type { DatabaseSync, DatabaseSyncOptions } from 'node:sqlite';

/**
 * Opens a file that serves as a lock of the operating system's. Some versions of Node that Purser runs on say of their
 * SQLite, when it is loaded, that it is experimental; that warning, and no other, is not shown.
 */
export function openSqlite(file: string, options: DatabaseSyncOptions = {}): DatabaseSync {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called on the process, and put back
  const { emitWarning } = process;
  process.emitWarning = (warning: string | Error, ...rest: never[]) => {
    if (!/SQLite is an experimental feature/.test(String(warning))) emitWarning.call(process, warning, ...rest);
  };
  try {
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
    return new DatabaseSync(file, options);
  } finally {
    process.emitWarning = emitWarning;
  }
}
