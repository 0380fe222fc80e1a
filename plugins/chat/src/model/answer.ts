/** One answer of a model, as it came. */
export interface ModelAnswer {
  text: string;
  calls: { name: string; arguments: string }[];
  finish: string | undefined;
  usage: { promptTokens: number; completionTokens: number } | undefined;
}

/** Text and arguments of one answer; a model that writes on and on is cut off. */
export const ANSWER_BYTES = 256 * 1024;
const MOST_CALLS = 128;

interface Delta {
  content?: unknown;
  refusal?: unknown;
  tool_calls?: { index?: unknown; function?: { name?: unknown; arguments?: unknown } }[];
}

interface Chunk {
  choices?: { delta?: Delta; message?: Delta; finish_reason?: unknown }[];
  usage?: { prompt_tokens?: unknown; completion_tokens?: unknown } | null;
  error?: { message?: unknown; code?: unknown };
}

const count = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 0);

/** The stream ended in an error, or was no answer. */
export class BrokenAnswer extends Error {}

/** Puts an answer together from the pieces of a stream. */
export class AnswerReader {
  private readonly answer: ModelAnswer = { text: '', calls: [], finish: undefined, usage: undefined };
  private readonly places = new Map<unknown, number>();
  private bytes = 0;

  /** Whether more is wanted. */
  take(data: string): boolean {
    const chunk = JSON.parse(data) as Chunk;
    const message = chunk.error?.message;
    if (chunk.error) throw new BrokenAnswer(typeof message === 'string' ? message : 'an error in the stream');
    if (chunk.usage)
      this.answer.usage = {
        promptTokens: count(chunk.usage.prompt_tokens),
        completionTokens: count(chunk.usage.completion_tokens),
      };
    const choice = chunk.choices?.[0];
    if (!choice) return true;
    this.add(choice.delta ?? choice.message ?? {});
    if (typeof choice.finish_reason === 'string') this.answer.finish = choice.finish_reason;
    this.bytes += data.length;
    if (this.size() <= ANSWER_BYTES && this.answer.calls.length <= MOST_CALLS) return true;
    // Cut, so that nobody takes it for whole.
    this.answer.text = this.answer.text.slice(0, ANSWER_BYTES);
    for (const call of this.answer.calls) call.arguments = call.arguments.slice(0, ANSWER_BYTES);
    this.answer.finish = 'length';
    return false;
  }

  end(): ModelAnswer {
    if (this.answer.finish === undefined) throw new BrokenAnswer('the answer ended in the middle');
    return { ...this.answer, calls: this.answer.calls.slice(0, MOST_CALLS) };
  }

  private size(): number {
    return this.answer.calls.reduce((sum, call) => sum + call.arguments.length, this.answer.text.length);
  }

  private add({ content, refusal, tool_calls: calls }: Delta): void {
    if (typeof content === 'string') this.answer.text += content;
    if (typeof refusal === 'string') this.answer.text += refusal;
    for (const [at, call] of (Array.isArray(calls) ? calls : []).entries()) {
      const { name, arguments: given } = call.function ?? {};
      const place = this.placeOf(call.index ?? at, typeof name === 'string' ? name : '');
      const target = this.answer.calls[place]!;
      if (typeof given === 'string') target.arguments += given;
    }
  }

  /** Some providers give every call the index 0: a name begins another one. */
  private placeOf(index: unknown, name: string): number {
    const known = this.places.get(index);
    if (known !== undefined) {
      const target = this.answer.calls[known]!;
      if (name === '') return known;
      if (target.name === '') {
        target.name = name;
        return known;
      }
    }
    this.answer.calls.push({ name, arguments: '' });
    this.places.set(index, this.answer.calls.length - 1);
    return this.answer.calls.length - 1;
  }
}

/** The data of server-sent events; comments and other fields are left out. */
export async function* eventData(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    if (rest.length > ANSWER_BYTES * 8) throw new BrokenAnswer('a line of the stream is too long');
    const lines = rest.split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('data:')) yield line.slice(5).trim();
  }
  if (rest.startsWith('data:')) yield rest.slice(5).trim();
}
