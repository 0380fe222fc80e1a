import { createHash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { runGuarded } from '@purser/guard';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { localEnvironment, remoteEnvironment, withoutCredentials } from './git-environment.js';
import { webHost } from './repository-address.js';

/** One step of git's: of which session, and how long it may take. */
export interface GitTurn {
  sessionId: string;
  taskId: string;
  timeoutMs: number;
  aliveWithinMs: () => number;
  /** Aborted: it is of no use any more. */
  signal?: AbortSignal;
}

export interface Remote {
  repository: string;
  /** Of a branch; undefined for the repository's own default. */
  base: string | undefined;
  branch: string;
}

export interface Tips {
  /** The name of the base branch. */
  base: string;
  baseTip: string;
  tip: string | null;
  known: boolean;
  tipContainsCommit: boolean;
  commitContainsTip: boolean;
}

export type PushEnd = { kind: 'pushed' } | { kind: 'refused' } | { kind: 'failed'; detail: string };

/** Our own ends, which are none of git's. */
const STALE = 76;
const NO_OBJECTS = 77;

const LIST = `[ -f "$1/HEAD" ] || git init --quiet --bare --template= "$1" || exit
cd "$1" && : > used && shift && git ls-remote --symref -- "$@"`;

/** Refs are of one task each, so that sessions side by side do not wait for each other's locks. */
const FETCH = `cd "$1" && url=$2 task=$3 commit=$4 && shift 4 || exit
git fetch --quiet --no-tags --no-write-fetch-head --no-auto-maintenance -- "$url" "$@" || exit
tip=$(git rev-parse --verify --quiet "refs/purser/tip/$task")
[ $# = 2 ] || tip=
echo "base $(git rev-parse --verify "refs/purser/base/$task")"
echo "tip $tip"
[ -n "$commit" ] && git cat-file -e "$commit^{commit}" 2>/dev/null || exit 0
echo known
[ -n "$tip" ] || exit 0
git merge-base --is-ancestor "$commit" "$tip" && echo tip-contains
git merge-base --is-ancestor "$tip" "$commit" && echo commit-contains
exit 0`;

const CLONE = `mirror=$1 task=$2 start=$3 branch=$4 base=$5 url=$6
git -C "$mirror" update-ref "refs/purser/start/$task" "$start" || exit
git init --quiet --template= . || exit
git fetch --quiet --no-tags --update-head-ok --no-write-fetch-head -- "$mirror" \\
  "+refs/purser/start/$task:refs/heads/$branch" "+refs/purser/base/$task:refs/remotes/origin/$base" || exit
git symbolic-ref HEAD "refs/heads/$branch" && git reset --quiet --hard || exit
git remote add origin "$url" || exit
git config user.name Purser && git config user.email purser@localhost`;

/**
 * One that no task here uses is removed, unless somebody has just begun with it: his next step finds it gone, and brings it
 * anew. In others, what no ref leads to any more goes by git's own rules, after two weeks.
 */
const FORGET = `cd "$1" && mirror=$1 task=$2 || exit
for kind in base tip start work; do git update-ref -d "refs/purser/$kind/$task" || exit; done
if [ -n "$(git for-each-ref --count=1 refs/purser)" ]; then exec git gc --auto --quiet; fi
[ -z "$(find used -mmin -60 2>/dev/null)" ] || exit 0
cd .. && rm -rf "$mirror.gone" && mv "$mirror" "$mirror.gone" && rm -rf "$mirror.gone"`;

const ABSORB = `cd "$1" && git fetch --quiet --no-tags --no-write-fetch-head --no-auto-maintenance -- "$2" "+HEAD:refs/purser/work/$3"`;

/** With a lease on the commit that the session began with: what another pushed meanwhile is not overwritten. */
const PUSH = `cd "$1" && bundle=$2 url=$3 task=$4 branch=$5 commit=$6 lease=$7 || exit
if [ -n "$bundle" ]; then
  git fetch --quiet --no-tags --no-write-fetch-head --no-auto-maintenance -- "$bundle" "+HEAD:refs/purser/work/$task" || exit ${NO_OBJECTS}
fi
git cat-file -e "$commit^{commit}" || exit ${NO_OBJECTS}
git push --quiet --no-verify --force-with-lease="refs/heads/$branch:$lease" -- "$url" "$commit:refs/heads/$branch" && exit
now=$(git ls-remote -- "$url" "refs/heads/$branch") || exit
now=\${now%%[!0-9a-f]*}
[ "$now" = "$commit" ] && exit 0
[ "$now" = "$lease" ] && exit 1
exit ${STALE}`;

const FORGET_MS = 5 * 60_000;

/** Local copies of remote repositories, the runner's own: agents cannot enter them, and never see a credential. */
@Injectable()
export class Mirrors {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  get folder(): string {
    return join(resolve(this.config.PURSER_HOME), 'repositories');
  }

  pathOf(repository: string): string {
    return join(this.folder, `${createHash('sha256').update(repository).digest('hex').slice(0, 16)}.git`);
  }

  /** Brings what a task needs, and says how its branch stands to the commit that is known. */
  async fetch(turn: GitTurn, { repository, base, branch }: Remote, commit: string | null): Promise<Tips> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const mirror = this.pathOf(repository);
    const [branchRef, baseRef] = [`refs/heads/${branch}`, `refs/heads/${base}`];
    const patterns = base === undefined ? ['HEAD', branchRef] : [baseRef, branchRef];
    const listed = await this.remote(turn, LIST, [mirror, repository, ...patterns]);
    if (listed.code !== 0) throw new Error(listed.said);
    const refs = readRefs(listed.stdout);
    const wanted = base === undefined ? refs.get('symref HEAD') : refs.has(baseRef) ? baseRef : undefined;
    if (wanted === undefined)
      throw new Error(base === undefined ? 'it has no default branch (yet)' : `it has no branch "${base}"`);
    const specs = [`+${wanted}:refs/purser/base/${turn.taskId}`];
    if (refs.has(branchRef)) specs.push(`+${branchRef}:refs/purser/tip/${turn.taskId}`);
    const fetched = await this.remote(turn, FETCH, [mirror, repository, turn.taskId, commit ?? '', ...specs]);
    if (fetched.code !== 0) throw new Error(fetched.said);
    const lines = fetched.stdout.split('\n');
    const after = (word: string) => lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1) ?? '';
    return {
      base: wanted.replace(/^refs\/heads\//, ''),
      baseTip: after('base'),
      tip: after('tip') || null,
      known: lines.includes('known'),
      tipContainsCommit: lines.includes('tip-contains'),
      commitContainsTip: lines.includes('commit-contains'),
    };
  }

  /** A work tree of its own in an empty folder. */
  async clone(turn: GitTurn, folder: string, { repository, branch }: Remote, start: string, base: string) {
    const args = [this.pathOf(repository), turn.taskId, start, branch, base, repository];
    const end = await this.run(turn, CLONE, args, folder, localEnvironment(process.env.PATH));
    if (end.code !== 0) throw new Error(end.said);
  }

  /** What there is of a task that is over. Rejects with what could not be, once all others are. */
  async forget(taskId: string): Promise<void> {
    const names = (await readdir(this.folder).catch(() => [])).filter((name) => name.endsWith('.git'));
    const turn = { sessionId: 'sweep', taskId, timeoutMs: FORGET_MS, aliveWithinMs: () => FORGET_MS };
    const wrong: string[] = [];
    for (const name of names) {
      const mirror = join(this.folder, name);
      const end = await this.run(turn, FORGET, [mirror, taskId], this.folder, localEnvironment(process.env.PATH));
      if (end.code !== 0) wrong.push(`${mirror}: ${end.said}`);
    }
    if (wrong.length > 0) throw new Error(wrong.join('; '));
  }

  /** Takes in what a work tree has and the mirror lacks. */
  async absorb(turn: GitTurn, repository: string, bundle: string): Promise<void> {
    const args = [this.pathOf(repository), bundle, turn.taskId];
    const end = await this.run(turn, ABSORB, args, this.folder, localEnvironment(process.env.PATH));
    if (end.code !== 0) throw new Error(end.said);
  }

  /** `bundle`: what the mirror lacks of the commit, if anything. `lease`: where the branch has to be; null for nowhere. */
  async push(
    turn: GitTurn,
    { repository, branch }: Remote,
    { commit, lease, bundle }: { commit: string; lease: string | null; bundle: string | undefined },
  ): Promise<PushEnd> {
    const args = [this.pathOf(repository), bundle ?? '', repository, turn.taskId, branch, commit, lease ?? ''];
    const end = await this.remote(turn, PUSH, args);
    if (end.code === 0) return { kind: 'pushed' };
    if (end.code === STALE) return { kind: 'refused' };
    return { kind: 'failed', detail: end.said };
  }

  private remote(turn: GitTurn, script: string, args: string[]) {
    const { GITHUB_TOKEN: token, GITHUB_API_URL: api } = this.config;
    const github = token === undefined ? undefined : { host: webHost(api), token };
    return this.run(turn, script, args, this.folder, remoteEnvironment(process.env, github));
  }

  private async run(turn: GitTurn, script: string, args: string[], cwd: string, env: Record<string, string>) {
    const { sessionId, timeoutMs, aliveWithinMs, signal } = turn;
    if (timeoutMs <= 0) return { code: null, stdout: '', said: 'there is no time left' };
    const argv = ['/bin/sh', '-c', script, 'purser-git', ...args];
    const end = await runGuarded({
      id: `${sessionId}-git`,
      argv,
      cwd,
      env,
      timeoutMs,
      aliveWithinMs,
      ...(signal && { signal }),
    });
    const { GITHUB_TOKEN: token } = this.config;
    const said = withoutCredentials(end.stderr.trim(), [token, env.GH_TOKEN]);
    const late = signal?.aborted ? 'it was given up' : `not done within ${Math.round(timeoutMs)} ms`;
    const why = end.timedOut ? late : said || `git ended with ${end.code}`;
    return { code: end.timedOut ? null : end.code, stdout: end.stdout, said: why };
  }
}

/** Names to commits, and `symref HEAD` to the branch that it stands for. */
function readRefs(listed: string): Map<string, string> {
  const refs = new Map<string, string>();
  for (const line of listed.split('\n')) {
    const [value = '', name = ''] = line.split('\t');
    if (value.startsWith('ref: ')) refs.set(`symref ${name}`, value.slice('ref: '.length));
    else if (name !== '') refs.set(name, value);
  }
  return refs;
}
