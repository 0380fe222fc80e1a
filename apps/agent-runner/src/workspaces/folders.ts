import { createHash } from 'node:crypto';
import { lstat, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PurserError } from '@purser/contracts';
import { type Account, findAccount, reachableBy } from '@purser/embedded';

export interface Folders {
  workspaces: string;
  sessions: string;
  /** Set when they could not be where they were wanted. */
  movedFrom: string | undefined;
}

/** Folders that any user can enter and root can write to, best first. */
const REACHABLE: readonly string[] = [
  process.platform === 'darwin' ? '/usr/local/var/purser' : '/var/lib/purser',
  join(tmpdir(), 'purser'),
];

/** Programs pass through to their own folder, and cannot list those of others. */
const PASSAGE = 0o711;

async function lay(base: string): Promise<{ workspaces: string; sessions: string }> {
  const folders = { workspaces: join(base, 'workspaces'), sessions: join(base, 'sessions') };
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true, mode: PASSAGE });
  return folders;
}

async function isOpen(folder: string, account: Account): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    // In a folder that all may write to, somebody else may have put a link or a folder of their own first.
    const found = await lstat(folder);
    return found.isDirectory() && found.uid === 0 && (await reachableBy(account, folder));
  } catch {
    return false;
  }
}

/**
 * Where sessions work. Under the data folder; but as root, programs run as an unprivileged user that may not be able to
 * enter that (a clone under /root, a data folder of mode 0700): then in a folder of its own elsewhere, always the same
 * for the same data folder.
 */
export async function placeFolders(home: string, candidates: readonly string[] = REACHABLE): Promise<Folders> {
  const wanted = resolve(home);
  await mkdir(wanted, { recursive: true, mode: 0o700 });
  // Any user that is not root stands for the one that programs run as.
  const account = process.getuid?.() === 0 ? await findAccount('nobody') : undefined;
  if (!account || (await reachableBy(account, wanted))) return { ...(await lay(wanted)), movedFrom: undefined };
  for (const candidate of candidates) {
    if (!(await isOpen(candidate, account))) continue;
    const base = join(candidate, createHash('sha256').update(wanted).digest('hex').slice(0, 12));
    await mkdir(base, { recursive: true, mode: 0o755 });
    await writeFile(join(base, 'belongs-to'), `${wanted}\n`);
    return { ...(await lay(base)), movedFrom: wanted };
  }
  throw new PurserError('unavailable', {
    message: `programs run as ${account.name}, which can enter neither ${wanted} nor ${candidates.join(', ')}; make one of them enterable, such as: chmod 755 ${candidates[0]}`,
  });
}
