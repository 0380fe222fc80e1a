import type { NatsConnection, Subscription, SubscriptionOptions } from '@nats-io/nats-core';

const REPORT_EVERY_MS = 1_000;

/**
 * A service's answer goes out with the rights of the service, to the subject that whoever asks has named: an operation of
 * another service, a stream to purge, a key of a bucket. So what is not asked from an inbox is not even handled; what
 * does not ask for an answer neither, since that is all such a forwarded answer could be.
 */
export function askedFromInboxes(
  connection: NatsConnection,
  report: (error: Error, subject: string) => void,
): NatsConnection {
  let reportedAt = -Infinity;
  const refuse = (subject: string, reply: string | undefined): void => {
    if (performance.now() - reportedAt < REPORT_EVERY_MS) return;
    reportedAt = performance.now();
    const wish = reply ? `an answer on "${reply}"` : 'no answer';
    report(new Error(`a request that wants ${wish} is not handled; a reply subject begins with _INBOX`), subject);
  };

  const subscribe = (subject: string, options: SubscriptionOptions = {}): Subscription => {
    const { callback } = options;
    if (!callback) throw new TypeError(`${subject}: requests are taken by a callback`);
    return connection.subscribe(subject, {
      ...options,
      callback: (error, message) => {
        if (error || message.reply?.startsWith('_INBOX')) void callback(error, message);
        else refuse(message.subject, message.reply);
      },
    });
  };

  return new Proxy(connection, {
    get(target, property) {
      if (property === 'subscribe') return subscribe;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
