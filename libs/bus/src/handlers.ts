import { MessagePattern } from '@nestjs/microservices';
import type { Command, Fact, FactData, Operation, PayloadOf, PurserError, RequestOf } from '@purser/contracts';
import type { z } from 'zod';
import type { Replies } from './replies.js';

/** How the strategy is to feed one handler; travels through Nest as the pattern's extras. */
export type Route =
  | { how: 'serve'; operation: Operation }
  | { how: 'take'; command: Command }
  | { how: 'hear'; fact: Fact; under: string | undefined }
  | { how: 'consume'; fact: Fact; durable: string; batch: number };

interface Delivery {
  /** The same at every delivery of this message, and of no other one. */
  deliveryId: string;
  /** How often it was delivered, this time included. */
  deliveries: number;
  /** The message as it came. */
  raw: string;
}

/** A command as it was taken from its stream: checked, or why it cannot be. */
export type Taken<C extends Command> = Delivery &
  ({ ok: true; payload: PayloadOf<C> } | { ok: false; error: PurserError });

type HandlerDecorator<In, Out> = (
  target: object,
  key: string,
  descriptor: { value?: (input: In) => Promise<Out> },
) => void;

const pattern = (name: string, route: Route) => MessagePattern(name, { route });

/** Serves an operation. One instance of the service gets each request. */
export const Serve = <O extends Operation>(operation: O): HandlerDecorator<RequestOf<O>, z.input<O['reply']>> =>
  pattern(operation.name, { how: 'serve', operation });

/** The same for answers with headers, or in several messages. */
export const ServeReplies = <O extends Operation>(
  operation: O,
): HandlerDecorator<RequestOf<O>, Replies<z.input<O['reply']>>> => pattern(operation.name, { how: 'serve', operation });

/**
 * Takes a command from its work queue, once. It is removed when the handler resolves and comes again later when it rejects,
 * so a handler rejects only for trouble that passes and answers for everything else itself. Several may be handled side by side.
 */
export const Take = <C extends Command>(command: C): HandlerDecorator<Taken<C>, void> =>
  pattern(command.name, { how: 'take', command });

let ears = 0;

/**
 * Hears a fact or broadcast as it is published, on every instance; one that is missed is missed. Any number may hear it.
 * `under`: only those whose id begins with these tokens, so that the others are not even delivered.
 */
export const Hear = <F extends Fact>(
  fact: F,
  { under }: { under?: string } = {},
): HandlerDecorator<FactData<F>, void> => pattern(`hear ${fact.name} (${++ears})`, { how: 'hear', fact, under });

/** Consumes a durable fact: each message reaches one instance of the service, in batches, and comes again until the handler resolves. */
export const Consume = <F extends Fact>(
  fact: F,
  options: { durable: string; batch: number },
): HandlerDecorator<FactData<F>[], void> =>
  pattern(`consume ${fact.name} as ${options.durable}`, { how: 'consume', fact, ...options });
