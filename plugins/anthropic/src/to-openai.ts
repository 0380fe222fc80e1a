import type Anthropic from '@anthropic-ai/sdk';
import type { ChatAnswer, ChatChunk } from '@purser/plugin-sdk';
import { laterUsage, openAiUsage, readUsage } from './usage.js';

const finishReasons: Readonly<Record<string, string>> = {
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  refusal: 'content_filter',
  tool_use: 'tool_calls',
};
/** `end_turn`, `stop_sequence`, and whatever is new. */
const finishReason = (reason: string | null | undefined): string => finishReasons[reason ?? ''] ?? 'stop';

interface Stop {
  stop_reason: string | null;
  stop_details?: Anthropic.RefusalStopDetails | null;
}

function refusalOf({ stop_reason: reason, stop_details: details }: Stop): string | null {
  return reason === 'refusal' ? (details?.explanation ?? 'The answer was ended by a safety system.') : null;
}

const textOf = (blocks: readonly Anthropic.ContentBlock[]): string =>
  blocks.map((block) => (block.type === 'text' ? block.text : '')).join('');

const thoughtsOf = (blocks: readonly Anthropic.ContentBlock[]): string =>
  blocks.map((block) => (block.type === 'thinking' ? block.thinking : '')).join('');

const toolCallsOf = (blocks: readonly Anthropic.ContentBlock[]) =>
  blocks.flatMap((block) =>
    block.type === 'tool_use'
      ? [{ id: block.id, type: 'function', function: { name: block.name, arguments: JSON.stringify(block.input) } }]
      : [],
  );

/** @param created seconds since 1970 */
export function toCompletion(message: Anthropic.Message, created: number): ChatAnswer {
  const usage = readUsage(message.usage);
  const blocks = message.content;
  const text = textOf(blocks);
  const thoughts = thoughtsOf(blocks);
  const calls = toolCallsOf(blocks);
  const completion = {
    id: message.id,
    object: 'chat.completion',
    created,
    model: message.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text === '' && (calls.length > 0 || message.stop_reason === 'refusal') ? null : text,
          refusal: refusalOf(message),
          ...(thoughts === '' ? {} : { reasoning_content: thoughts }),
          ...(calls.length > 0 ? { tool_calls: calls } : {}),
        },
        logprobs: null,
        finish_reason: finishReason(message.stop_reason),
      },
    ],
    ...(usage ? { usage: openAiUsage(usage) } : {}),
  };
  return { completion, usage };
}

interface OpenTool {
  index: number;
  /** Whether some of its arguments have come. */
  begun: boolean;
}

/** The chunks of one stream: they share an id, and its tool calls are numbered through. */
export class ChunkWriter {
  /** The whole answer has come. */
  ended = false;
  private id = '';
  private model = '';
  private calls = 0;
  private readonly tools = new Map<number, OpenTool>();
  private startUsage: unknown;
  private endUsage: unknown;
  private stop: Stop = { stop_reason: null };

  /** @param created seconds since 1970 */
  constructor(private readonly created: number) {}

  *chunks(event: Anthropic.RawMessageStreamEvent): Generator<ChatChunk> {
    switch (event.type) {
      case 'message_start':
        ({ id: this.id, model: this.model, usage: this.startUsage } = event.message);
        yield this.delta({ role: 'assistant', content: '' });
        break;
      case 'content_block_start':
        if (event.content_block.type === 'tool_use') yield this.beginTool(event.index, event.content_block);
        else if (event.content_block.type === 'text' && event.content_block.text)
          yield this.delta({ content: event.content_block.text });
        break;
      case 'content_block_delta':
        yield* this.more(event.index, event.delta);
        break;
      case 'content_block_stop':
        yield* this.endTool(event.index);
        break;
      case 'message_delta':
        if (event.delta.stop_reason) this.stop = event.delta;
        this.endUsage = event.usage;
        break;
      case 'message_stop':
        this.ended = true;
        yield* this.end();
        break;
    }
  }

  private *more(block: number, delta: Anthropic.RawContentBlockDelta): Generator<ChatChunk> {
    if (delta.type === 'text_delta') yield this.delta({ content: delta.text });
    else if (delta.type === 'thinking_delta') {
      // Where thoughts are kept back, empty ones say that it goes on.
      if (delta.thinking !== '') yield this.delta({ reasoning_content: delta.thinking });
    } else if (delta.type === 'input_json_delta') {
      const tool = this.tools.get(block);
      if (!tool || delta.partial_json === '') return;
      tool.begun = true;
      yield this.toolDelta(tool.index, { function: { arguments: delta.partial_json } });
    }
  }

  private beginTool(block: number, { id, name }: Anthropic.ToolUseBlock): ChatChunk {
    const index = this.calls++;
    this.tools.set(block, { index, begun: false });
    return this.toolDelta(index, { id, type: 'function', function: { name, arguments: '' } });
  }

  /** For a tool without arguments Anthropic sends none; OpenAI's clients read JSON. */
  private *endTool(block: number): Generator<ChatChunk> {
    const tool = this.tools.get(block);
    this.tools.delete(block);
    if (tool && !tool.begun) yield this.toolDelta(tool.index, { function: { arguments: '{}' } });
  }

  private *end(): Generator<ChatChunk> {
    const refusal = refusalOf(this.stop);
    yield this.delta(refusal === null ? {} : { refusal }, finishReason(this.stop.stop_reason));
    // Without the end's counts those of the start say nothing of the output.
    const usage = this.endUsage ? readUsage(laterUsage(this.startUsage, this.endUsage)) : undefined;
    if (usage) yield { chunk: this.chunk({ choices: [], usage: openAiUsage(usage) }), usage };
  }

  private toolDelta(index: number, call: object): ChatChunk {
    return this.delta({ tool_calls: [{ index, ...call }] });
  }

  private delta(delta: object, finish: string | null = null): ChatChunk {
    return { chunk: this.chunk({ choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] }) };
  }

  private chunk(rest: object): Record<string, unknown> {
    return { id: this.id, object: 'chat.completion.chunk', created: this.created, model: this.model, ...rest };
  }
}
