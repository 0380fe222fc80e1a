import { countInput } from './tokens.js';
import { type Answer, isObject, positive, type Wire } from './wire.js';

const epoch = '1970-01-01T00:00:00Z';
const line = (body: unknown): string => `${JSON.stringify(body)}\n`;

function message({ plan }: Answer, content: string, withTools: boolean): Record<string, unknown> {
  const tools = plan.toolCalls.map((tool) => ({ function: { name: tool.name, arguments: tool.arguments } }));
  return { role: 'assistant', content, ...(withTools && tools.length > 0 ? { tool_calls: tools } : {}) };
}

function done(answer: Answer, content: string): Record<string, unknown> {
  return {
    model: answer.call.model,
    created_at: epoch,
    message: message(answer, content, true),
    done: true,
    // Ollama itself says `stop` after tool calls too.
    done_reason: answer.plan.finish === 'length' ? 'length' : 'stop',
    total_duration: 1,
    load_duration: 0,
    ...(answer.usage
      ? {
          prompt_eval_count: answer.inputTokens,
          prompt_eval_duration: 1,
          eval_count: answer.plan.outputTokens,
          eval_duration: 1,
        }
      : {}),
  };
}

/** `POST /api/chat` as Ollama documents it: lines of JSON unless `stream` is false. */
export const ollamaWire: Wire = {
  api: 'ollama',
  streamType: 'application/x-ndjson',
  read(body) {
    if (typeof body.model !== 'string' || !Array.isArray(body.messages)) return undefined;
    const options = isObject(body.options) ? body.options : {};
    return {
      model: body.model,
      streaming: body.stream !== false,
      outputLimit: positive(options.num_predict),
      inputTokens: countInput(body.messages as Record<string, unknown>[], body.tools),
      choices: 1,
      streamUsage: true,
    };
  },
  error: (_status, text) => ({ error: text }),
  whole: (answer) => done(answer, answer.plan.text),
  opening: () => [],
  piece: (answer, _choice, text) =>
    line({ model: answer.call.model, created_at: epoch, message: message(answer, text, false), done: false }),
  closing: (answer) => [line(done(answer, ''))],
  errorInStream: (text) => line({ error: text }),
};
