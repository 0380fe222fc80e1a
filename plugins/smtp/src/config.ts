import type { PluginContext } from '@purser/plugin-sdk';
import { z } from 'zod';

const address = z.string().regex(/^[^\s@,]+@[^\s@,]+$/, 'an address such as "ops@example.org"');

export const SmtpConfig = z.strictObject({
  /** Host of the mail server; else SMTP_SERVER. */
  server: z.string().min(1).optional(),
  /** Else SMTP_PORT, else 587 (465 with `tls: "implicit"`). */
  port: z.number().int().min(1).max(65_535).optional(),
  /** Who is told; else ALERT_EMAIL (several with commas between them). */
  to: z.array(address).min(1).max(50).optional(),
  /** Else SMTP_FROM, else SMTP_USER where that is an address, else the first of `to`. */
  from: address.optional(),
  /** Which environment variables hold the credentials; without a user nobody logs in. */
  userEnv: z.string().default('SMTP_USER'),
  passwordEnv: z.string().default('SMTP_PASSWORD'),
  /**
   * `auto`: from the first byte on port 465, else STARTTLS where the server offers it; a password goes to another machine
   * over TLS or not at all. `starttls`: not without it. `implicit`: from the first byte. `none`: never.
   */
  tls: z.enum(['auto', 'starttls', 'implicit', 'none']).default('auto'),
});
export type SmtpConfig = z.output<typeof SmtpConfig>;

/** Where a mail goes now, and as whom. */
export interface Mailbox {
  host: string;
  port: number;
  secure: boolean;
  requireTls: boolean;
  ignoreTls: boolean;
  auth: { user: string; pass: string } | undefined;
  from: string;
  to: string[];
}

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|::1|\[::1\])$/i.test(host);

/** Read anew for every mail: passwords may be rotated. */
export function mailbox(config: SmtpConfig, context: PluginContext): Mailbox {
  const host = config.server ?? context.secret('SMTP_SERVER');
  if (host === undefined) throw new Error('no mail server is named; set SMTP_SERVER, or "server" in its config');
  const to = config.to ?? addresses(context.secret('ALERT_EMAIL'));
  if (to.length === 0) throw new Error('nobody to write to; set ALERT_EMAIL, or "to" in its config');
  const user = context.secret(config.userEnv);
  const pass = context.secret(config.passwordEnv);
  if (user !== undefined && pass === undefined)
    throw new Error(`${config.userEnv} is set, but ${config.passwordEnv} is not`);
  const port = portOf(config, context);
  const secure = config.tls === 'implicit' || (config.tls === 'auto' && port === 465);
  const secret = user !== undefined && !isLoopback(host);
  return {
    host,
    port,
    secure,
    requireTls: config.tls === 'starttls' || (config.tls === 'auto' && secret),
    ignoreTls: config.tls === 'none',
    auth: user === undefined ? undefined : { user, pass: pass ?? '' },
    from: config.from ?? context.secret('SMTP_FROM') ?? (user?.includes('@') ? user : (to[0] ?? '')),
    to,
  };
}

function portOf(config: SmtpConfig, context: PluginContext): number {
  if (config.port !== undefined) return config.port;
  const given = context.secret('SMTP_PORT');
  if (given === undefined) return config.tls === 'implicit' ? 465 : 587;
  const port = Number(given);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error('SMTP_PORT is not a port (1 to 65535) such as 587');
  return port;
}

const addresses = (list: string | undefined): string[] =>
  (list ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
