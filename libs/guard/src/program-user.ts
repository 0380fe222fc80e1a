import { readFileSync } from 'node:fs';
import type { RunAs } from './guard-protocol.js';

export interface ProgramUser extends RunAs {
  name: string | undefined;
}

interface Account extends RunAs {
  name: string;
}

/** Lines of /etc/passwd. macOS writes nobody's ids as -2, which the system takes as an unsigned number. */
export function parseAccounts(passwd: string): Account[] {
  return passwd.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    if (line.startsWith('#') || !name || !uid || !gid) return [];
    return [{ name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }];
  });
}

/** Purser's own database runs as one of these when Purser is root: whoever shares its user owns it. */
const DATABASE_USERS = ['postgres', '_postgres', 'daemon'];

/** Whom programs run as: undefined when that is the runner's own user. */
export function chooseUser(
  configured: RunAs | undefined,
  ownUid: number,
  readPasswd: () => string = () => readFileSync('/etc/passwd', 'utf8'),
): ProgramUser | undefined {
  if (ownUid !== 0) {
    if (!configured || configured.uid === ownUid) return undefined;
    throw new Error(
      `only root can run programs as another user (user.uid is ${configured.uid}, Purser runs as ` +
        `${ownUid}). Leave \`user\` out of its configuration, or start Purser as root.`,
    );
  }
  const accounts = parseAccounts(readPasswd());
  if (configured) {
    const name = accounts.find((account) => account.uid === configured.uid)?.name;
    if (name === undefined || !DATABASE_USERS.includes(name)) return { ...configured, name };
    throw new Error(
      `programs must not run as ${name} (user.uid is ${configured.uid}), the user of Purser's database, ` +
        'which they could then change. Name another one in the configuration of the plugin.',
    );
  }
  const nobody = accounts.find((account) => account.name === 'nobody');
  if (nobody) return nobody;
  throw new Error(
    'Purser was started as root, and /etc/passwd has no user `nobody` to run programs as. Name one in ' +
      'the configuration of the plugin: {"user": {"uid": 1000, "gid": 1000}}.',
  );
}
