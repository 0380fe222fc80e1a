import { randomUUID } from 'node:crypto';
import type { ChatAnswer, ChatChunk, Usage } from '@purser/plugin-sdk';
import type { ChatResponse } from 'ollama';

function usageOf({ prompt_eval_count: input, eval_count: output }: Partial<ChatResponse>): Usage | undefined {
  if (output === undefined) return undefined;
  // Ollama leaves the prompt's count out when all of it was in its cache; it cannot be told how long it was.
  return { inputTokens: input ?? 0, outputTokens: output, cachedTokens: 0 };
}

const openAiUsage = ({ inputTokens, outputTokens }: Usage) => ({
  prompt_tokens: inputTokens,
  completion_tokens: outputTokens,
  total_tokens: inputTokens + outputTokens,
});

const seconds = (at: unknown) => Math.floor((Date.parse(String(at)) || Date.now()) / 1000);

const toolCalls = (message: ChatResponse['message'], first = 0) =>
  (message.tool_calls ?? []).map((call, index) => ({
    index: first + index,
    id: `call_${randomUUID()}`,
    type: 'function',
    function: { name: call.function.name, arguments: JSON.stringify(call.function.arguments) },
  }));

/** Ollama says `stop` also when the model called tools. */
function finishReason(reason: string | undefined, calledTools: boolean): string {
  if (reason === 'length') return 'length';
  return calledTools ? 'tool_calls' : 'stop';
}

/** Ollama's thinking, under the name that clients of DeepSeek, vLLM and others look for. */
const reasoning = ({ thinking }: ChatResponse['message']) => (thinking ? { reasoning_content: thinking } : {});

export function toCompletion(answer: ChatResponse): ChatAnswer {
  const usage = usageOf(answer);
  const calls = toolCalls(answer.message).map(({ index: _index, ...call }) => call);
  const completion = {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion',
    created: seconds(answer.created_at),
    model: answer.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: calls.length > 0 && !answer.message.content ? null : answer.message.content,
          refusal: null,
          ...reasoning(answer.message),
          ...(calls.length > 0 ? { tool_calls: calls } : {}),
        },
        logprobs: null,
        finish_reason: finishReason(answer.done_reason, calls.length > 0),
      },
    ],
    ...(usage ? { usage: openAiUsage(usage) } : {}),
  };
  return { completion, usage };
}

/** The chunks of one stream: they share an id, and its tool calls are numbered through. */
export class ChunkWriter {
  private readonly id = `chatcmpl-${randomUUID()}`;
  private begun = false;
  private calls = 0;

  /** The chunks for one line of Ollama's: several for the last, with the usage at the end. */
  *chunks(line: ChatResponse): Generator<ChatChunk> {
    const calls = toolCalls(line.message, this.calls);
    this.calls += calls.length;
    const delta = {
      ...(this.begun ? {} : { role: 'assistant' }),
      ...(line.message.content || !this.begun ? { content: line.message.content } : {}),
      ...reasoning(line.message),
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    };
    if (Object.keys(delta).length > 0) yield this.choice(line, delta, null);
    this.begun = true;
    if (!line.done) return;
    yield this.choice(line, {}, finishReason(line.done_reason, this.calls > 0));
    const usage = usageOf(line);
    if (usage) yield { chunk: this.chunk(line, { choices: [], usage: openAiUsage(usage) }), usage };
  }

  private choice(line: ChatResponse, delta: object, finish: string | null): ChatChunk {
    return { chunk: this.chunk(line, { choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] }) };
  }

  private chunk(line: ChatResponse, rest: object): Record<string, unknown> {
    const created = seconds(line.created_at);
    return { id: this.id, object: 'chat.completion.chunk', created, model: line.model, ...rest };
  }
}
