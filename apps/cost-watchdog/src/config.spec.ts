import { parseConfig } from '@purser/service';
import { Config } from './config.js';

const read = (env: Record<string, string>) =>
  parseConfig(Config, {
    PURSER_NATS_URL: 'nats://127.0.0.1:4222',
    PURSER_DATABASE_URL: 'postgres://127.0.0.1/purser',
    ...env,
  });

it.each(['purser@example.org', 'Purser <purser@example.org>', '<purser@example.org>'])(
  'takes %s as the sender of mail',
  (SMTP_FROM) => {
    expect(read({ SMTP_FROM })).toMatchObject({ SMTP_FROM });
  },
);

it.each(['purser', 'a@example.org, b@example.org', 'Purser purser@example.org', 'Purser <purser>'])(
  'does not start with %s as the sender of mail, of which nobody would know before the first alert',
  (SMTP_FROM) => {
    expect(() => read({ SMTP_FROM })).toThrow('SMTP_FROM is not valid: expected an address such as');
  },
);
