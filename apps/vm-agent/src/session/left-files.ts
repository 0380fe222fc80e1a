import { stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What a program may replace at any time; all else that it leaves is looked for at its end. */
const NAMES = ['checkpoint.json', 'handoff.md', 'progress.json'];

/** Which files of the state folder have a new version since they were looked at last. */
export class LeftFiles {
  private readonly known = new Map<string, string>();

  constructor(private readonly folder: string) {}

  async changed(): Promise<{ name: string; size: number }[]> {
    const found: { name: string; size: number }[] = [];
    for (const name of NAMES) {
      const now = await stat(join(this.folder, name), { bigint: true }).catch(() => undefined);
      if (!now?.isFile()) continue;
      const version = `${now.ino} ${now.size} ${now.mtimeNs}`;
      if (this.known.get(name) === version) continue;
      this.known.set(name, version);
      found.push({ name, size: Number(now.size) });
    }
    return found;
  }
}
