import type { ProgramUser } from './program-user.js';

/** All that a program inherits of the runner's environment, beside what the configuration's `inherit` names. */
export const INHERITED = [
  'PATH',
  'LANG',
  'LANGUAGE',
  'LC_ALL',
  'LC_CTYPE',
  'LC_MESSAGES',
  'TZ',
  'TERM',
  'COLORTERM',
  'SHELL',
  'USER',
  'LOGNAME',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
] as const;

export interface InheritanceSources {
  own: NodeJS.ProcessEnv;
  /** Names of further variables. */
  inherit: readonly string[];
  user: ProgramUser | undefined;
}

/** For a program that may know nothing of its runner's secrets. */
export function inheritedVariables({ own, inherit, user }: InheritanceSources): Record<string, string> {
  const found: Record<string, string> = { PATH: '/usr/local/bin:/usr/bin:/bin' };
  for (const name of [...INHERITED, ...inherit]) {
    const value = own[name];
    if (value !== undefined) found[name] = value;
  }
  if (!user) return found;
  const { USER: _user, LOGNAME: _logname, ...rest } = found;
  return user.name === undefined ? rest : { ...rest, USER: user.name, LOGNAME: user.name };
}
