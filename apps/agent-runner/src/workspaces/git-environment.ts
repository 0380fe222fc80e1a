/** Of the runner's own environment: how git finds programs, proxies and credentials. What would lead it elsewhere is left out. */
const INHERITED =
  /^(PATH|HOME|USER|LOGNAME|XDG_CONFIG_HOME|SSH_AUTH_SOCK|SSH_ASKPASS|SSH_ASKPASS_REQUIRE|GIT_ASKPASS|GIT_SSH|GIT_SSH_COMMAND|GIT_SSH_VARIANT|GIT_CONFIG_[A-Z0-9_]+|GIT_SSL_[A-Z_]+|GH_TOKEN|SSL_CERT_FILE|SSL_CERT_DIR|https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|all_proxy|ALL_PROXY)$/;

const ALWAYS = {
  LC_ALL: 'C',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ALLOW_PROTOCOL: 'http:https:ssh:git:file',
  GIT_AUTHOR_NAME: 'Purser',
  GIT_AUTHOR_EMAIL: 'purser@localhost',
  GIT_COMMITTER_NAME: 'Purser',
  GIT_COMMITTER_EMAIL: 'purser@localhost',
};

export interface TokenFor {
  host: string;
  token: string;
}

/**
 * For git as the runner itself runs it, against remotes. A token goes as a header by way of the environment, which other
 * users cannot read, and not in the arguments, which they can.
 */
export function remoteEnvironment(own: NodeJS.ProcessEnv, github: TokenFor | undefined): Record<string, string> {
  const inherited = Object.entries(own).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && INHERITED.test(entry[0]),
  );
  const environment: Record<string, string> = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    GIT_SSH_COMMAND: 'ssh -o BatchMode=yes',
    ...Object.fromEntries(inherited),
    ...ALWAYS,
  };
  if (!github) return environment;
  const count = Number(environment.GIT_CONFIG_COUNT ?? 0);
  const basic = Buffer.from(`x-access-token:${github.token}`).toString('base64');
  return {
    ...environment,
    GIT_CONFIG_COUNT: String(count + 1),
    [`GIT_CONFIG_KEY_${count}`]: `http.https://${github.host}/.extraHeader`,
    [`GIT_CONFIG_VALUE_${count}`]: `Authorization: Basic ${basic}`,
  };
}

/** For git between folders of this machine: no credentials, and no configuration but the repositories'. */
export function localEnvironment(path: string | undefined): Record<string, string> {
  return {
    ...ALWAYS,
    PATH: path ?? '/usr/local/bin:/usr/bin:/bin',
    GIT_ALLOW_PROTOCOL: 'file',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
  };
}

/** What git said, without what nobody is to read. */
export function withoutCredentials(text: string, secrets: readonly (string | undefined)[]): string {
  const plain = text.replaceAll(/(\/\/)[^/@\s]+@/g, '$1');
  return secrets.reduce<string>((said, secret) => (secret ? said.replaceAll(secret, '***') : said), plain);
}
