import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';

/** All of it or an error: a disk that is full takes the first part of a write and calls that a success. */
export function writeWhole(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) {
    const written = writeSync(file, bytes, at, bytes.length - at);
    if (written === 0) throw new Error('the disk takes no more');
    at += written;
  }
}

/** Makes a renaming last through a power cut. */
export function syncFolder(folder: string): void {
  const file = openSync(folder, 'r');
  try {
    fsyncSync(file);
  } catch (error) {
    // Not every file system can; those that cannot order it by themselves.
    if (!['EINVAL', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    closeSync(file);
  }
}
