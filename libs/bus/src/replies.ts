export interface ReplyMessage<T> {
  /** Left out: an empty message, which ends several. */
  data?: T;
  headers?: Readonly<Record<string, string>>;
}

/**
 * What a handler answers with when data alone is not enough: messages with headers, one or several. When reading them
 * throws, the error is sent as the last one. Nothing tells whether anybody still listens: whoever makes many bounds them.
 */
export class Replies<T> {
  constructor(readonly messages: AsyncIterable<ReplyMessage<T>>) {}
}
