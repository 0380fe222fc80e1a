import { isAbsolute } from 'node:path';

export interface GitHubRepository {
  owner: string;
  repo: string;
}

/** `git@host:path`, as ssh takes it. */
const SCP = /^(?:[A-Za-z0-9._-]+@)?([A-Za-z0-9.-]+):(?!\/\/)(.+)$/;

function urlOf(repository: string): URL | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(repository) && URL.canParse(repository) ? new URL(repository) : undefined;
}

/**
 * Why a runner does not take this address, if it does not. A password in it would be readable in the task, in the work
 * tree and among the running programs: credentials are the runner's own.
 */
export function refuseAddress(repository: string, allowed: readonly string[]): string | undefined {
  const url = urlOf(repository);
  if (url && !['http:', 'https:', 'ssh:', 'git:', 'file:'].includes(url.protocol))
    return `git over ${url.protocol} is not allowed; give an address of http, https, ssh, git or file`;
  if (url && url.password !== '')
    return 'its address holds a password; leave that out, and give the runner a credential helper or GITHUB_TOKEN';
  if (!url && !SCP.test(repository) && !isAbsolute(repository))
    return 'it is neither an address, such as https://github.com/acme/shop.git, nor an absolute path';
  if (/[\0\n]/.test(repository) || repository.startsWith('-') || repository.includes('::')) return 'it is no address';
  if (allowed.length > 0 && !allowed.some((prefix) => repository.startsWith(prefix)))
    return `this runner takes only what begins with ${allowed.join(' or ')} (PURSER_WORKSPACE_REPOSITORIES)`;
  return undefined;
}

/** Its owner and name on the GitHub whose REST API is at this address; undefined when it is elsewhere. */
export function onGitHub(repository: string, apiUrl: string): GitHubRepository | undefined {
  const url = urlOf(repository);
  const [, scpHost, scpPath] = url ? [] : (SCP.exec(repository) ?? []);
  const host = url?.hostname ?? scpHost;
  const path = url?.pathname ?? scpPath;
  if (!host || !path || !URL.canParse(apiUrl)) return undefined;
  if (host.toLowerCase() !== webHost(apiUrl)) return undefined;
  const [owner = '', repo = '', ...rest] = path
    .replace(/^\/+/, '')
    .replace(/(\.git)?\/*$/, '')
    .split('/');
  return owner === '' || repo === '' || rest.length > 0 ? undefined : { owner, repo };
}

/** Where repositories are fetched from: the API of github.com alone has a host of its own. */
export function webHost(apiUrl: string): string {
  const { hostname } = new URL(apiUrl);
  return hostname === 'api.github.com' ? 'github.com' : hostname;
}
