import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/nats-core';

export interface MessageToStore {
  subject: string;
  payload: string;
  headers: MsgHdrs;
}

interface Acknowledgement {
  stream?: string;
  error?: { description?: string };
}

/**
 * Publishes to streams and waits until each message is stored. One inbox for all of them: a request of its own for each
 * would cost this process more than all else about a small message. Rejects when any was not stored, whatever became of
 * the others: their ids let them be sent again.
 */
export function storeAll(
  connection: NatsConnection,
  inboxPrefix: string,
  messages: readonly MessageToStore[],
  timeoutMs: number,
): Promise<void> {
  if (messages.length === 0) return Promise.resolve();
  const inbox = createInbox(inboxPrefix);
  return new Promise((resolve, reject) => {
    const open = new Set(messages.keys());
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      answers.unsubscribe();
      if (error) reject(error);
      else resolve();
    };
    const timer = setTimeout(
      () => finish(new Error(`${open.size} of ${messages.length} messages were not stored within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const answers = connection.subscribe(`${inbox}.*`, {
      callback: (error, message) => {
        const failure = error ?? refusal(message);
        if (failure) return finish(failure);
        open.delete(Number(message.subject.slice(inbox.length + 1)));
        if (open.size === 0) finish();
      },
    });
    try {
      messages.forEach(({ subject, payload, headers }, index) =>
        connection.publish(subject, payload, { headers, reply: `${inbox}.${index}` }),
      );
    } catch (error) {
      finish(error as Error);
    }
  });
}

function refusal(message: Msg): Error | undefined {
  if (message.data.length === 0 && message.headers?.code === 503) return new Error('no stream takes it');
  const { stream, error } = JSON.parse(message.string()) as Acknowledgement;
  if (error) return new Error(error.description ?? 'refused');
  return stream ? undefined : new Error('an acknowledgement that names no stream');
}
