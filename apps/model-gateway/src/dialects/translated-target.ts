import type { CallOptions, ChatProvider, ChatRequest } from '@purser/plugin-sdk';
import { othersFirst } from '../bodies/others-first.js';
import type { TakePiece, Target, WholeAnswer } from '../calls/way.js';
import { answerBytes, chunkBytes } from './chat-completions/figures.js';
import type { ChatCall, Dialect } from './dialect.js';
import { withMarks } from './with-marks.js';
import { formatEvent, type SseEvent } from './server-sent-events.js';

const framed = (events: readonly SseEvent[]): string => events.map(formatEvent).join('');

/** A provider that is asked in chat completions through its plugin, whatever the client speaks. */
export class TranslatedTarget implements Target {
  constructor(
    private readonly provider: ChatProvider,
    private readonly dialect: Dialect,
    private readonly call: ChatCall,
    private readonly request: ChatRequest,
  ) {}

  get cancelledCallsBill(): 'delivered' | 'full' {
    return this.provider.cancelledCallsBill;
  }

  async whole(options: CallOptions): Promise<WholeAnswer> {
    await othersFirst(this.call.size.textBytes);
    const { completion, usage } = await this.provider.chat(...this.given(options));
    return { body: this.dialect.fromChat(completion, this.call), usage, bytes: answerBytes(completion) };
  }

  async stream(options: CallOptions, take: TakePiece): Promise<void> {
    await othersFirst(this.call.size.textBytes);
    const writer = this.dialect.writeStream(this.call);
    for await (const part of this.provider.streamChat(...this.given(options)))
      await take({ frames: framed(writer.write(part)), bytes: chunkBytes(part.chunk), usage: part.usage });
    options.signal.throwIfAborted();
    await take({ frames: framed(writer.end()), bytes: 0, usage: undefined });
  }

  private given(options: CallOptions): [ChatRequest, CallOptions] {
    return withMarks(this.provider, this.call.longTexts, this.request, options);
  }
}
