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
  /** To be told of each sign of life that is no piece: a provider that thinks may send comments meanwhile. */
  heard(): undefined;
}

/** Takes one piece after the other; a promise when the next one must wait for it. */
export type TakePiece = (piece: StreamPiece) => Promise<void> | undefined;

/** As `TakePiece`, for the client. */
export type WriteFrames = (frames: string) => Promise<void> | undefined;

/** A stream that has begun. What its writer throws ends it. */
export interface Frames {
  /** Once; resolves when all is written. */
  to(write: WriteFrames): Promise<void>;
}

/** How one model of one provider is asked for one call, and how its answer becomes the client's. */
export interface Target {
  /** What a call costs that we cancelled. */
  readonly cancelledCallsBill: 'delivered' | 'full';
  whole(options: CallOptions): Promise<WholeAnswer>;
  /** Resolves when all of it was taken. Rejects, also in mid-stream, with what the provider threw. */
  stream(options: StreamOptions, take: TakePiece): Promise<void>;
}
