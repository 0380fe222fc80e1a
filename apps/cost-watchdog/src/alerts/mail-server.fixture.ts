import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

/** A real mail server on loopback, for one user. */
export class MailServer {
  readonly mails: ParsedMail[] = [];
  private port = 0;
  private server: SMTPServer | undefined;

  constructor(
    private readonly user: string,
    private readonly password: string,
  ) {}

  get address(): string {
    return String(this.port);
  }

  get subjects(): string[] {
    return this.mails.map(({ subject = '' }) => subject);
  }

  async open(): Promise<void> {
    const server = new SMTPServer({
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _session, callback) =>
        username === this.user && password === this.password
          ? callback(null, { user: username })
          : callback(new Error('Invalid credentials')),
      onData: (stream, _session, callback) => {
        void simpleParser(stream).then((mail) => {
          this.mails.push(mail);
          callback();
        }, callback);
      },
    });
    server.on('error', () => undefined);
    server.listen(this.port, '127.0.0.1');
    await once(server.server, 'listening');
    this.port = (server.server.address() as AddressInfo).port;
    this.server = server;
  }

  async close(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }
}
