import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { PurserError } from '@purser/contracts';
import { guestNames, guestsText, type VmUser } from './vm-user.js';

export const newPassword = (): string => randomBytes(24).toString('hex');

/** What is in the file that the bus's server follows. */
export class GuestsFile {
  constructor(private readonly path: string) {}

  /** How many VMs may be users at once. Rejects when the file is not there, or nothing of the kind. */
  async names(): Promise<string[]> {
    const names = guestNames(await readFile(this.path, 'utf8').catch((cause: unknown) => this.unusable(cause)));
    return names.length > 0 ? names : this.unusable(undefined);
  }

  /** Rejects when it cannot be replaced. */
  async checkWritable(): Promise<void> {
    await this.names();
    const probe = `${this.path}.probe`;
    await writeFile(probe, '').catch((cause: unknown) => this.unusable(cause));
    await rm(probe, { force: true });
  }

  /** All at once: the server reads the old one or the new one. */
  async write(users: readonly VmUser[], { whatFits = false } = {}): Promise<void> {
    const names = await this.names();
    if (users.length > names.length && !whatFits)
      throw new PurserError('unavailable', { message: `no more than ${names.length} VMs can be users of the bus` });
    const { mode } = await stat(this.path);
    const next = await open(`${this.path}.new`, 'w', mode & 0o777);
    try {
      await next.writeFile(guestsText(names, users, newPassword));
      await next.sync();
    } finally {
      await next.close();
    }
    await rename(`${this.path}.new`, this.path);
  }

  private unusable(cause: unknown): never {
    throw new PurserError('unavailable', {
      message:
        `VMs cannot become users of the bus: ${this.path} (PURSER_VM_NATS_USERS_FILE) cannot be used` +
        `${cause instanceof Error ? ` (${cause.message})` : ': it names no guests'}. See docs/guides/compute.md.`,
      cause,
    });
  }
}
