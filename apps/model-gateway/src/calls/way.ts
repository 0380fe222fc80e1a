import type { CallOptions, Usage } from '@purser/plugin-sdk';

/** A whole answer, in the client's protocol. */
export interface WholeAnswer {
  /** JSON as an object or as the bytes that came, or text of another content type. */
  body: Record<string, unknown> | Uint8Array | string;
  contentType?: string;
  usage: Usage | undefined;
  /** Of the model's own text in it. */
  bytes: number;
}

/** Some events of a stream, framed for the client. */
export interface StreamPiece {
  frames: string;
  /** Of the model's own text in them. */
  bytes: number;
  usage: Usage | undefined;
}

export interface StreamOptions extends CallOptions {
  /** To be told of each sign of life, also of those that say nothing: a provider that thinks may send comments meanwhile. */
  heard(): void;
}

/** How one model of one provider is asked for one call, and how its answer becomes the client's. */
export interface Target {
  /** What a call costs that we cancelled. */
  readonly cancelledCallsBill: 'delivered' | 'full';
  whole(options: CallOptions): Promise<WholeAnswer>;
  /** Throws, also in mid-stream, what the provider threw. */
  stream(options: StreamOptions): AsyncIterable<StreamPiece>;
}
