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
}

/** A quoted string of the server's configuration language, which knows no escape for control characters. */
function quote(text: string): string {
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text))
    throw new TypeError('nats-server configuration: control character in a string');
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
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
    lines.push('authorization: {', '  users: [', ...config.authorization.users.map(user), '  ]', '}');
  }
  return `${lines.join('\n')}\n`;
}
