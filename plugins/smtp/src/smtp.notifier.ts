import { type CallOptions, conceal, type Notice, type Notifier, type PluginContext } from '@purser/plugin-sdk';
import { createTransport } from 'nodemailer';
import { type Mailbox, mailbox, type SmtpConfig } from './config.js';
import { mailOf } from './mail.js';

/** A server that says nothing for so long is given up; the caller's signal may end it earlier. */
const SILENCE_MS = 15_000;

export class SmtpNotifier implements Notifier {
  constructor(
    private readonly context: PluginContext,
    private readonly config: SmtpConfig,
  ) {}

  async send(notice: Notice, { signal }: CallOptions): Promise<void> {
    signal.throwIfAborted();
    const box = mailbox(this.config, this.context);
    const transport = createTransport({
      host: box.host,
      port: box.port,
      secure: box.secure,
      requireTLS: box.requireTls,
      ignoreTLS: box.ignoreTls,
      ...(box.auth === undefined ? {} : { auth: box.auth }),
      connectionTimeout: SILENCE_MS,
      greetingTimeout: SILENCE_MS,
      socketTimeout: SILENCE_MS,
      // Nothing in a notice may make the server of mail read files or fetch addresses.
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    let aborted: (() => void) | undefined;
    try {
      const gone = new Promise<never>((_, reject) => {
        aborted = () => reject(signal.reason as Error);
        signal.addEventListener('abort', aborted, { once: true });
      });
      const { rejected } = (await Promise.race([
        transport.sendMail({ ...mailOf(notice), from: box.from, to: box.to }),
        gone,
      ])) as { rejected: unknown[] };
      if (rejected.length > 0)
        this.context.logger.warn({ refused: rejected.length, of: box.to.length }, 'the mail server refused recipients');
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      // eslint-disable-next-line preserve-caught-error -- it has what the server said, word for word
      throw new Error(explain(error, box));
    } finally {
      if (aborted) signal.removeEventListener('abort', aborted);
      transport.close();
    }
  }
}

/** What is wrong and how to mend it. The server's words are shown without what it was sent: some repeat the password. */
function explain(error: unknown, { host, port, auth, requireTls }: Mailbox): string {
  const { code, message, responseCode } = error as { code?: string; message?: string; responseCode?: number };
  const said = conceal(String(message), auth ? spellings(auth) : []);
  const at = `${host}:${port}`;
  if (code === 'EAUTH') return `${at} refused the user or the password (SMTP_USER, SMTP_PASSWORD): ${said}`;
  if (code === 'ENOTFOUND' || code === 'EDNS')
    return `there is no mail server ${host}; SMTP_SERVER is to be its host name`;
  if (code === 'ECONNREFUSED' || code === 'ESOCKET' || code === 'ECONNECTION')
    return `${at} cannot be reached (SMTP_SERVER, SMTP_PORT): ${said}`;
  if (code === 'ETIMEDOUT') return `${at} did not answer in time (SMTP_SERVER, SMTP_PORT): ${said}`;
  if (code === 'ETLS')
    return `no TLS with ${at}: ${said}${requireTls ? '; a password is not sent without it ("tls" in its config)' : ''}`;
  if (responseCode !== undefined) return `${at} refused the mail (${responseCode}): ${said}`;
  return `${at}: ${said}`;
}

/** A password as it is kept, and as AUTH LOGIN and AUTH PLAIN send it. */
const spellings = ({ user, pass }: { user: string; pass: string }): string[] => [
  pass,
  Buffer.from(pass).toString('base64'),
  Buffer.from(`\0${user}\0${pass}`).toString('base64'),
];
