import { randomUUID } from 'node:crypto';
import { type ChatChunk, readChatUsage, type Usage } from '@purser/plugin-sdk';
import type { ChatCall, StreamWriter } from '../dialect.js';
import type { SseEvent } from '../server-sent-events.js';
import { ownReasoningId } from './input.js';
import { CallItem, type Emit, type OpenItem, TextItem } from './output-items.js';
import { type Head, responseMaker, type State } from './response-object.js';

interface CallDelta {
  index?: number;
  id?: string | null;
  function?: { name?: string | null; arguments?: string | null } | null;
}

interface Delta {
  content?: unknown;
  refusal?: unknown;
  reasoning?: unknown;
  reasoning_content?: unknown;
  tool_calls?: CallDelta[] | null;
}

interface Chunk {
  id?: unknown;
  created?: unknown;
  model?: unknown;
  usage?: unknown;
  service_tier?: unknown;
  choices?: { delta?: Delta; finish_reason?: string | null }[] | null;
}

const INCOMPLETE: Readonly<Record<string, string>> = { length: 'max_output_tokens', content_filter: 'content_filter' };
/** OpenAI takes ids of up to 64 characters back. */
const ID_LENGTH = 40;

/** Ids of an answer follow from that of the chat completion, which is its provider's or the plugin's own. */
function baseOf(id: unknown): string {
  const given = typeof id === 'string' ? id.replace(/^chatcmpl-/, '').replaceAll(/[^A-Za-z0-9_-]/g, '') : '';
  return given === '' ? randomUUID() : given.slice(-ID_LENGTH);
}

/** Turns the chunks of a chat completion into a response, and tells of every step. */
class Assembly {
  private readonly make: ReturnType<typeof responseMaker>;
  private readonly items: OpenItem[] = [];
  private readonly calls = new Map<number, CallItem>();
  private readonly callIds: (string | undefined)[] = [];
  private head: Head | undefined;
  private base = '';
  private finish = '';
  private usage: Usage | undefined;

  constructor(
    call: ChatCall,
    private readonly emit: Emit,
  ) {
    this.make = responseMaker(call);
  }

  add(chunk: Chunk, usage: Usage | undefined): void {
    this.begin(chunk);
    this.usage = usage ?? readChatUsage(chunk.usage, chunk.service_tier) ?? this.usage;
    // Only one was asked for.
    const [choice] = chunk.choices ?? [];
    if (choice?.delta) this.grow(choice.delta);
    this.finish = choice?.finish_reason ?? this.finish;
  }

  end(): Record<string, unknown> {
    const head = this.begin({});
    const reason = INCOMPLETE[this.finish];
    const status = reason === undefined ? 'completed' : 'incomplete';
    for (const item of this.items) item.close(status);
    const response = this.make(head, this.state(status, reason));
    this.emit(`response.${status}`, { response });
    return response;
  }

  private begin(chunk: Chunk): Head {
    if (this.head) return this.head;
    this.base = baseOf(chunk.id);
    const createdAt = typeof chunk.created === 'number' ? chunk.created : Math.floor(Date.now() / 1000);
    this.head = { id: `resp_${this.base}`, createdAt, model: chunk.model };
    const response = this.make(this.head, this.state('in_progress'));
    this.emit('response.created', { response });
    this.emit('response.in_progress', { response });
    return this.head;
  }

  private grow(delta: Delta): void {
    const thought = delta.reasoning ?? delta.reasoning_content;
    if (isText(thought)) this.text('reasoning').add('reasoning_text', thought);
    if (isText(delta.content)) this.text('message').add('output_text', delta.content);
    if (isText(delta.refusal)) this.text('message').add('refusal', delta.refusal);
    for (const call of delta.tool_calls ?? []) this.call(call);
  }

  private text(kind: 'reasoning' | 'message'): TextItem {
    const last = this.items.at(-1);
    if (last instanceof TextItem && last.kind === kind) return last;
    if (last && last.kind !== 'call') last.close('completed');
    const index = this.items.length;
    const id = kind === 'message' ? `msg_${this.base}_${index}` : ownReasoningId(`${this.base}_${index}`);
    const item = new TextItem(kind, id, index, this.emit);
    this.items.push(item);
    return item;
  }

  /** Calls stay open until the end: their pieces may come in turns. */
  private call(delta: CallDelta): void {
    const at = this.positionOf(delta);
    let item = this.calls.get(at);
    if (!item) {
      for (const open of this.items) if (open.kind !== 'call') open.close('completed');
      const index = this.items.length;
      const id = delta.id ?? `call_${this.base}_${index}`;
      item = new CallItem(`fc_${this.base}_${index}`, index, { id, name: delta.function?.name ?? '' }, this.emit);
      this.items.push(item);
      this.calls.set(at, item);
      this.callIds[at] = delta.id ?? undefined;
    }
    item.add(delta.function?.arguments ?? '');
  }

  /** Some servers do not number their calls: then a new id is a new call. */
  private positionOf({ index, id }: CallDelta): number {
    if (index !== undefined) return index;
    const known = id ? this.callIds.indexOf(id) : this.callIds.length - 1;
    return known >= 0 ? known : this.callIds.length;
  }

  private state(status: State['status'], incompleteBecause?: string): State {
    return {
      status,
      ...(incompleteBecause === undefined ? {} : { incompleteBecause }),
      output: this.items.map((item) => item.item()),
      usage: status === 'in_progress' ? undefined : this.usage,
    };
  }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** The events of OpenAI's stream, each with its number. */
export class ResponsesStreamWriter implements StreamWriter {
  private events: SseEvent[] = [];
  private number = 0;
  private readonly assembly: Assembly;

  constructor(call: ChatCall) {
    this.assembly = new Assembly(call, (type, fields) => {
      this.events.push({ event: type, data: JSON.stringify({ type, sequence_number: this.number, ...fields }) });
      this.number += 1;
    });
  }

  write({ chunk, usage }: ChatChunk): SseEvent[] {
    this.assembly.add(chunk, usage);
    return this.taken();
  }

  end(): SseEvent[] {
    this.assembly.end();
    return this.taken();
  }

  private taken(): SseEvent[] {
    const { events } = this;
    this.events = [];
    return events;
  }
}

/** A whole chat completion: a stream of one chunk. */
export function fromChat(completion: Readonly<Record<string, unknown>>, call: ChatCall): Record<string, unknown> {
  const { choices } = completion as { choices?: { message?: Delta; finish_reason?: string | null }[] };
  const assembly = new Assembly(call, () => undefined);
  const streamed = (choices ?? []).slice(0, 1).map(({ message, ...choice }) => ({
    ...choice,
    // Numbered by their places.
    delta: { ...message, tool_calls: message?.tool_calls?.map((one, index) => ({ ...one, index })) ?? [] },
  }));
  assembly.add({ ...completion, choices: streamed }, undefined);
  return assembly.end();
}
