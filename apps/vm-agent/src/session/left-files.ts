import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { VM_FILES, type VmFile } from '@purser/program-session';

/** Which files of the state folder have a new version since they were looked at last. */
export class LeftFiles {
  private readonly known = new Map<string, string>();

  constructor(private readonly folder: string) {}

  async changed(): Promise<{ name: VmFile; size: number }[]> {
    const found: { name: VmFile; size: number }[] = [];
    for (const name of VM_FILES) {
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
