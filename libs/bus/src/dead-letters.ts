import type { JsMsg } from '@nats-io/jetstream';
import { deadLetter } from '@purser/contracts';
import type { Bus } from './bus.js';

const MAX_KEPT = 512 * 1024;

/** Keeps a message that no handler could take, with the reason, where a person can find it. */
export async function keepDeadLetter(bus: Bus, message: JsMsg, error: unknown): Promise<void> {
  await bus.publish(
    deadLetter,
    message.subject,
    {
      subject: message.subject,
      stream: message.info.stream,
      seq: message.seq,
      deliveries: message.info.deliveryCount,
      reason: error instanceof Error ? error.message : String(error),
      payload: message.string().slice(0, MAX_KEPT),
    },
    `dead-${message.info.stream}-${message.seq}`,
  );
}
