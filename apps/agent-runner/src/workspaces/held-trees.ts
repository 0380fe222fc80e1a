import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Which work trees of this machine are as a session left them, and which: where no agent can write. One whose last
 * session was elsewhere meanwhile is of no use, whatever is in it.
 */
export class HeldTrees {
  constructor(private readonly folder: string) {}

  /** The epoch of the session that had it here last. */
  async epochOf(taskId: string): Promise<number | undefined> {
    const text = await readFile(join(this.folder, taskId), 'utf8').catch(() => '');
    return /^\d+$/.test(text) ? Number(text) : undefined;
  }

  async hold(taskId: string, epoch: number): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await writeFile(join(this.folder, taskId), String(epoch), { mode: 0o600 });
  }

  async drop(taskId: string): Promise<void> {
    await rm(join(this.folder, taskId), { force: true });
  }

  list(): Promise<string[]> {
    return readdir(this.folder).catch(() => []);
  }
}
