import { type ChatChunk, readChatUsage, type Usage } from '@purser/plugin-sdk';
import type { ChatCall, StreamWriter } from '../dialect.js';
import type { SseEvent } from '../server-sent-events.js';
import { estimateInputTokens } from './estimate.js';
import { writeUsage } from './figures.js';
import {
  type ChatChoice,
  type ChatTold,
  type ChatToolCall,
  messageOf,
  stopOf,
  text,
  thoughtOf,
  toolUseId,
  wantsThoughts,
} from './from-chat.js';
import { UNSIGNED } from './thoughts.js';

type Prose = 'text' | 'thinking';

interface ToolUse {
  id: string;
  name: string;
  json: string;
  /** How much of `json` was sent. */
  sent: number;
}

/**
 * Turns chunks into the events of one message. Its blocks follow one another, while a chat completion may write several
 * tool calls by turns: the first call is passed on as it comes, and what comes out of turn waits for the end.
 */
export class MessageStreamWriter implements StreamWriter {
  private readonly thinks: boolean;
  private events: SseEvent[] = [];
  private begun = false;
  /** Of the last block that was begun. */
  private index = -1;
  private open: Prose | ToolUse | undefined;
  private readonly tools = new Map<number, ToolUse>();
  private readonly late: { kind: Prose; piece: string }[] = [];
  private last: ChatChoice = {};
  private refusal = '';
  private usage: Usage | undefined;

  constructor(private readonly call: ChatCall) {
    this.thinks = wantsThoughts(call);
  }

  write({ chunk, usage }: ChatChunk): SseEvent[] {
    const told: ChatTold = chunk;
    this.begin(told);
    this.usage = usage ?? readChatUsage(told.usage, told.service_tier) ?? this.usage;
    const choice = Array.isArray(told.choices) ? told.choices[0] : undefined;
    if (!choice) return this.taken();
    const { delta, ...about } = choice;
    if (about.finish_reason) this.last = about;
    if (delta) {
      if (this.thinks) this.say('thinking', thoughtOf(delta));
      this.say('text', text(delta.content));
      this.refusal += text(delta.refusal);
      this.say('text', text(delta.refusal));
      if (Array.isArray(delta.tool_calls)) for (const [at, tool] of delta.tool_calls.entries()) this.use(tool, at);
    }
    return this.taken();
  }

  end(): SseEvent[] {
    this.begin({});
    for (const tool of this.tools.values()) {
      if (this.open !== tool) this.beginTool(tool);
      this.sendInput(tool);
    }
    for (const { kind, piece } of this.late) this.send(kind, piece);
    this.close();
    const stop = stopOf(this.call, this.last, { tools: this.tools.size > 0, refusal: this.refusal });
    this.emit('message_delta', { delta: { ...stop, container: null }, usage: writeUsage(this.usage) });
    this.emit('message_stop', {});
    return this.taken();
  }

  private begin(told: ChatTold): void {
    if (this.begun) return;
    this.begun = true;
    // The count comes with the last chunk. Until then clients get an estimate, which `message_delta` puts right.
    const usage = { inputTokens: estimateInputTokens(this.call), outputTokens: 0, cachedTokens: 0 };
    const unended = { content: [], stop_reason: null, stop_sequence: null, stop_details: null };
    this.emit('message_start', { message: messageOf(told, this.call, usage, unended) });
  }

  private say(kind: Prose, piece: string): void {
    if (piece === '') return;
    if (this.tools.size > 0) this.late.push({ kind, piece });
    else this.send(kind, piece);
  }

  private send(kind: Prose, piece: string): void {
    if (this.open !== kind) {
      const block = kind === 'text' ? { text: '', citations: null } : { thinking: '', signature: '' };
      this.beginBlock(kind, { type: kind, ...block });
    }
    this.delta(kind === 'text' ? { type: 'text_delta', text: piece } : { type: 'thinking_delta', thinking: piece });
  }

  private use({ index, id, function: called }: ChatToolCall, at: number): void {
    const number = typeof index === 'number' ? index : at;
    const tool = this.tools.get(number) ?? { id: '', name: '', json: '', sent: 0 };
    const first = this.tools.size === 0 || this.tools.values().next().value === tool;
    this.tools.set(number, tool);
    tool.id ||= text(id);
    tool.name ||= text(called?.name);
    tool.json += text(called?.arguments);
    if (!first || tool.name === '' || tool.id === '') return;
    if (this.open !== tool) this.beginTool(tool);
    this.sendInput(tool);
  }

  private beginTool(tool: ToolUse): void {
    this.beginBlock(tool, { type: 'tool_use', id: toolUseId(tool.id), name: tool.name, input: {} });
  }

  private sendInput(tool: ToolUse): void {
    if (tool.sent < tool.json.length)
      this.delta({ type: 'input_json_delta', partial_json: tool.json.slice(tool.sent) });
    tool.sent = tool.json.length;
  }

  private beginBlock(kind: Prose | ToolUse, block: object): void {
    this.close();
    this.index += 1;
    this.open = kind;
    this.emit('content_block_start', { index: this.index, content_block: block });
  }

  private delta(delta: object): void {
    this.emit('content_block_delta', { index: this.index, delta });
  }

  private close(): void {
    if (this.open === undefined) return;
    if (this.open === 'thinking') this.delta({ type: 'signature_delta', signature: UNSIGNED });
    this.emit('content_block_stop', { index: this.index });
    this.open = undefined;
  }

  private emit(type: string, body: object): void {
    this.events.push({ event: type, data: JSON.stringify({ type, ...body }) });
  }

  private taken(): SseEvent[] {
    const { events } = this;
    this.events = [];
    return events;
  }
}
