import { relative } from 'node:path';

export interface NatsUser {
  user: string;
  password: string;
  permissions: {
    /** Subjects it may publish to; an empty list means none. */
    publish: string[];
    /** Subjects it may subscribe to; an empty list means none. */
    subscribe: string[];
  };
}

export interface NatsAuthorization {
  users: NatsUser[];
  /** A file that says who the users of passing guests are. It is followed while the server runs. */
  guestsFile?: string;
}

/** There are so many at a time. */
const GUESTS = 32;
/** An included file can only give names to values, not lengthen a list, so that each guest has a name of its own. */
const GUEST_NAMES = Array.from({ length: GUESTS }, (_, nth) => `PURSER_GUEST_${nth + 1}`);

/** A file of guests with nobody in it. What has a name there is a user, so each is one that nobody can be. */
export function noGuestsText(newPassword: () => string): string {
  const none = { deny: ['>'] };
  return GUEST_NAMES.map((name) => {
    const nobody = { user: name, password: newPassword(), permissions: { publish: none, subscribe: none } };
    return `${name}: ${JSON.stringify(nobody)}\n`;
  }).join('');
}

export interface NatsConfig {
  host: string;
  /** -1 lets the server choose. */
  port: number;
  serverName: string;
  storeDir: string;
  pidFile: string;
  portsFileDir: string;
  maxPayloadBytes: number;
  authorization: NatsAuthorization | undefined;
  /** Of the configuration file: older servers take included files only relative to it. */
  folder?: string;
}

/** A quoted string of the server's configuration language, which knows no escape for control characters. */
function quote(text: string): string {
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text))
    throw new TypeError('nats-server configuration: control character in a string');
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** Knows no escapes at all. */
function included(folder: string, file: string): string {
  const path = relative(folder, file);
  if (/['\n]/.test(path)) throw new TypeError(`nats-server cannot include a file with a quote in its path: ${path}`);
  return `'${path}'`;
}

/** nats-server reads an empty `allow` as no limit at all, so none is written as a `deny` of everything. */
function subjects(allowed: string[]): string {
  return allowed.length === 0 ? `{ deny: [">"] }` : `{ allow: [${allowed.map(quote).join(', ')}] }`;
}

function user({ user: name, password, permissions }: NatsUser): string {
  return [
    '    {',
    `      user: ${quote(name)}`,
    `      password: ${quote(password)}`,
    '      permissions: {',
    `        publish: ${subjects(permissions.publish)}`,
    `        subscribe: ${subjects(permissions.subscribe)}`,
    '      }',
    '    }',
  ].join('\n');
}

/** The text of a configuration file that nats-server 2.9 and all later ones take. */
export function natsConfigText(config: NatsConfig): string {
  const lines = [
    `host: ${quote(config.host)}`,
    `port: ${config.port}`,
    `server_name: ${quote(config.serverName)}`,
    `pid_file: ${quote(config.pidFile)}`,
    `ports_file_dir: ${quote(config.portsFileDir)}`,
    `max_payload: ${config.maxPayloadBytes}`,
    `jetstream: {`,
    `  store_dir: ${quote(config.storeDir)}`,
    `}`,
  ];
  if (config.authorization !== undefined) {
    const { users, guestsFile } = config.authorization;
    const guests = guestsFile === undefined ? [] : GUEST_NAMES.map((name) => `    $${name}`);
    if (guestsFile !== undefined) lines.push(`include ${included(config.folder ?? '/', guestsFile)}`);
    lines.push('authorization: {', '  users: [', ...users.map(user), ...guests, '  ]', '}');
  }
  return `${lines.join('\n')}\n`;
}
