import {
  type BytesInPieces,
  type CallOptions,
  type PassThrough,
  type PassThroughAnswer,
  ProviderError,
  readAll,
  throwIfEnded,
} from '@purser/plugin-sdk';
import { othersFirst } from '../bodies/others-first.js';
import type { StreamOptions, StreamPiece, TakePiece, Target, WholeAnswer } from '../calls/way.js';
import type { ChatCall, Dialect, StreamReader } from './dialect.js';
import { EventReader, formatEvent, type SseEvent } from './server-sent-events.js';

export interface NativeModel {
  /** Of the provider. */
  name: string;
  model: string;
  maxOutputTokens: number;
  /** To be named in the client's stead. */
  serviceTier?: string | undefined;
}

/** The largest answer in one piece that is taken: pictures and sound can be large, anything larger is no answer. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

const hasNews = ({ frames, bytes, usage }: StreamPiece): boolean => frames !== '' || bytes > 0 || usage !== undefined;

/** A provider that speaks the client's own protocol: its answers travel as they are, and are only read along. */
export class NativeTarget implements Target {
  constructor(
    private readonly pass: PassThrough,
    private readonly dialect: Dialect,
    private readonly call: ChatCall,
    private readonly target: NativeModel,
    readonly cancelledCallsBill: 'delivered' | 'full',
  ) {}

  async whole(options: CallOptions): Promise<WholeAnswer> {
    const { body, contentType } = await this.send(options);
    const bytes = await this.collect(body);
    return { body: bytes, contentType, ...this.dialect.readAnswer(this.parse(bytes)) };
  }

  async stream(options: StreamOptions, take: TakePiece): Promise<void> {
    const { body, contentType } = await this.send(options);
    if (contentType.startsWith('application/json'))
      throw this.failure('it answered in one piece although a stream was asked for');
    const reader = this.dialect.readStream(this.call);
    const source = new EventReader();
    let ended = false;
    const pass = (events: readonly SseEvent[]): Promise<void> | undefined => {
      const read = this.read(reader, events);
      ended ||= read.ended;
      const taken = hasNews(read.piece) ? take(read.piece) : options.heard();
      if (!read.failure) return taken;
      return (taken ?? Promise.resolve()).then(() => Promise.reject(read.failure!));
    };
    await readAll(body, (bytes) => pass(source.take(bytes)));
    await pass(source.end());
    throwIfEnded(options);
    if (!ended) throw this.failure('the stream ended before the answer did', 'connection');
  }

  private send(options: CallOptions): Promise<PassThroughAnswer> {
    const pause = othersFirst(this.call.size.textBytes);
    return pause ? pause.then(() => this.sendNow(options)) : this.sendNow(options);
  }

  private sendNow(options: CallOptions): Promise<PassThroughAnswer> {
    const { dialect, call, pass } = this;
    const native = dialect.nativeBody(call, this.target);
    if (this.target.serviceTier !== undefined) native.service_tier = this.target.serviceTier;
    const body = pass.adapt ? pass.adapt(native, call.streaming) : native;
    return pass.send(
      { body: call.longTexts.serialise(body), streaming: call.streaming, headers: call.headers },
      options,
    );
  }

  private read(reader: StreamReader, events: readonly SseEvent[]) {
    const piece: StreamPiece = { frames: '', bytes: 0, usage: undefined };
    let ended = false;
    let failure: ProviderError | undefined;
    for (const event of events) {
      const read = this.understood(() => reader.read(event));
      if (read.failure) {
        failure = read.failure;
        break;
      }
      piece.bytes += read.bytes;
      piece.usage = read.usage ?? piece.usage;
      if (!read.hidden) piece.frames += formatEvent(event);
      ended ||= read.ended === true;
    }
    return { piece, ended, failure };
  }

  private async collect(body: BytesInPieces): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let size = 0;
    await readAll(body, (part) => {
      size += part.length;
      if (size > MAX_ANSWER_BYTES) throw this.failure(`its answer is larger than ${MAX_ANSWER_BYTES} bytes`);
      parts.push(part);
      return undefined;
    });
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  }

  private parse(bytes: Uint8Array): Record<string, unknown> {
    const answer = this.understood(
      () => JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()) as unknown,
    );
    if (typeof answer !== 'object' || answer === null) throw this.failure('its answer is not a JSON object');
    return answer as Record<string, unknown>;
  }

  private understood<T>(read: () => T): T {
    try {
      return read();
    } catch (cause) {
      throw this.failure(`its answer cannot be read (${(cause as Error).message.slice(0, 200)})`, 'unknown', cause);
    }
  }

  /** The model had been asked, so this may be billed. */
  private failure(what: string, kind: 'unknown' | 'connection' = 'unknown', cause?: unknown): ProviderError {
    return new ProviderError(kind, `${this.target.name}: ${what}`, { mayBill: true, cause });
  }
}
