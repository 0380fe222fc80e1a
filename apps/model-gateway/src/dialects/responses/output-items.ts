/** Tells of one event: its type, and what is in it besides its number. */
export type Emit = (type: string, fields: Record<string, unknown>) => void;

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

/** Where an item stands, as all events about it say. */
interface Place {
  item_id: string;
  output_index: number;
}

/** One item of an answer as it grows, telling of every step. */
export interface OpenItem {
  readonly kind: 'reasoning' | 'message' | 'call';
  /** Nothing more is added; later calls do nothing. */
  close(status: ItemStatus): void;
  /** As it stands. */
  item(): Record<string, unknown>;
}

interface TextPart {
  type: 'output_text' | 'refusal' | 'reasoning_text';
  text: string;
}

/** The events of a kind of text, and the name of its text in parts and in the event that ends it. */
const NAMES = {
  output_text: { event: 'response.output_text', field: 'text' },
  refusal: { event: 'response.refusal', field: 'refusal' },
  reasoning_text: { event: 'response.reasoning_text', field: 'text' },
} as const;

const partOf = ({ type, text }: TextPart) => ({
  type,
  [NAMES[type].field]: text,
  ...(type === 'output_text' ? { annotations: [], logprobs: [] } : {}),
});

const logprobs = (type: TextPart['type']) => (type === 'output_text' ? { logprobs: [] } : {});

/** Text in parts: what the model says or refuses, or what it thinks. */
export class TextItem implements OpenItem {
  private readonly parts: TextPart[] = [];
  private readonly place: Place;
  private status: ItemStatus = 'in_progress';

  constructor(
    readonly kind: 'reasoning' | 'message',
    private readonly id: string,
    private readonly index: number,
    private readonly emit: Emit,
  ) {
    this.place = { item_id: id, output_index: index };
    emit('response.output_item.added', { output_index: index, item: this.item() });
  }

  add(type: TextPart['type'], delta: string): void {
    let part = this.parts.at(-1);
    if (part?.type !== type) {
      this.closePart();
      part = { type, text: '' };
      this.parts.push(part);
      this.emit('response.content_part.added', { ...this.placeOfPart(), part: partOf(part) });
    }
    part.text += delta;
    this.emit(`${NAMES[type].event}.delta`, { ...this.placeOfPart(), delta, ...logprobs(type) });
  }

  close(status: ItemStatus): void {
    if (this.status !== 'in_progress') return;
    this.closePart();
    this.status = status;
    this.emit('response.output_item.done', { output_index: this.index, item: this.item() });
  }

  item(): Record<string, unknown> {
    const { id, kind, status } = this;
    const content = this.parts.map(partOf);
    if (kind === 'reasoning') return { id, type: kind, status, summary: [], content };
    return { id, type: kind, status, role: 'assistant', content };
  }

  private closePart(): void {
    const part = this.parts.at(-1);
    if (!part) return;
    const { event, field } = NAMES[part.type];
    this.emit(`${event}.done`, { ...this.placeOfPart(), [field]: part.text, ...logprobs(part.type) });
    this.emit('response.content_part.done', { ...this.placeOfPart(), part: partOf(part) });
  }

  private placeOfPart() {
    return { ...this.place, content_index: this.parts.length - 1 };
  }
}

/** A function that the model calls. */
export class CallItem implements OpenItem {
  readonly kind = 'call';
  private given = '';
  private readonly place: Place;
  private status: ItemStatus = 'in_progress';

  constructor(
    private readonly id: string,
    private readonly index: number,
    private readonly call: { id: string; name: string },
    private readonly emit: Emit,
  ) {
    this.place = { item_id: id, output_index: index };
    emit('response.output_item.added', { output_index: index, item: this.item() });
  }

  add(delta: string): void {
    if (delta === '') return;
    this.given += delta;
    this.emit('response.function_call_arguments.delta', { ...this.place, delta });
  }

  close(status: ItemStatus): void {
    if (this.status !== 'in_progress') return;
    this.status = status;
    this.emit('response.function_call_arguments.done', { ...this.place, arguments: this.given });
    this.emit('response.output_item.done', { output_index: this.index, item: this.item() });
  }

  item(): Record<string, unknown> {
    const { id, status, call, given } = this;
    return { id, type: 'function_call', status, arguments: given, call_id: call.id, name: call.name };
  }
}
