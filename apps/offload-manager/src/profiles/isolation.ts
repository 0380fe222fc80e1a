import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

/** Its own user, network, process and mount namespaces: no address but none, and all of it ends with its first process. */
const NAMESPACES = ['--user', '--map-root-user', '--net', '--pid', '--mount', '--mount-proc', '--fork', '--kill-child'];

/**
 * Everything is read-only but the folder that is named first; of the folders after it up to `--` nothing is seen, such as
 * sockets, which no read-only mount keeps from being connected to. The rest is run without a right to change that.
 */
const SEAL = String.raw`
set -ef
folder=$1; shift
mount --bind "$folder" "$folder"
seal() {
  at=$(printf '%b' "$2"); options=ro
  if [ "$at" = "$folder" ] || [ "$at" = /proc ]; then return 0; fi
  case ",$4," in *,ro,*) return 0;; esac
  for one in nosuid nodev noexec noatime nodiratime relatime; do
    case ",$4," in *,$one,*) options="$options,$one";; esac
  done
  mount -o "remount,bind,$options" "$at" 2>/dev/null && return 0
  if [ -w "$at" ]; then echo "$at cannot be made read-only" >&2; exit 97; fi
}
IFS='
'
for line in $(cat /proc/self/mounts); do IFS=' '; seal $line; done
unset IFS
while [ "$1" != -- ]; do
  if [ -d "$1" ] && [ ! -L "$1" ]; then mount -t tmpfs -o ro,size=4k,mode=755 none "$1"; fi
  shift
done
shift
cd "$folder"
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
`;

/** Where sockets of engines and buses are, and keys of people. */
const hidden = (home: string): string[] => [
  '/run',
  '/var/run',
  ...['.ssh', '.aws', '.config', '.docker', '.gnupg', '.kube', '.local/share/keyrings'].map((one) =>
    join(homedir(), one),
  ),
  resolve(home),
];

const contains = (folder: string, path: string): boolean => !relative(folder, path).startsWith('..');

export interface Sealed {
  /** The one place that can be written to. */
  folder: string;
  /** Of Purser: it is not seen. */
  home: string;
  /** After this, the kernel ends it, whoever is alive. */
  seconds: number;
  /** What must be seen, wherever it is. */
  needed: readonly string[];
}

/** The command line that runs a program sealed off. */
export function sealed(program: readonly string[], { folder, home, seconds, needed }: Sealed): string[] {
  const masks = hidden(home).filter((one) => !needed.some((path) => contains(one, resolve(path))));
  const bound = ['timeout', '-s', 'KILL', String(seconds)];
  return [...bound, 'unshare', ...NAMESPACES, 'sh', '-c', SEAL, 'sh', folder, ...masks, '--', ...program];
}

/** Why modules cannot be imported sealed off on this machine; undefined when they can. */
export async function whyNotIsolated(): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'purser-sealed-'));
  try {
    const [command = '', ...args] = sealed(['prlimit', '--cpu=10', 'true'], {
      folder,
      home: folder,
      seconds: 10,
      needed: [folder],
    });
    return await new Promise((resolvePromise) => {
      const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 10_000 });
      let said = '';
      child.stderr.on('data', (data) => (said += String(data)));
      child.once('error', (error) => resolvePromise(error.message));
      child.once('close', (code) =>
        resolvePromise(code === 0 ? undefined : said.trim() || `unshare ended with ${code}`),
      );
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
