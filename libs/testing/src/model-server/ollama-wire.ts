import { countInput } from './tokens.js';
import { type Answer, isObject, positive, type Wire } from './wire.js';

const epoch = '1970-01-01T00:00:00Z';
const line = (body: unknown): string => `${JSON.stringify(body)}\n`;

const message = (content: string, more: object = {}) => ({ role: 'assistant', content, ...more });

function toolCalls({ plan }: Answer): object {
  const tools = plan.toolCalls.map((tool) => ({ function: { name: tool.name, arguments: tool.arguments } }));
  return tools.length > 0 ? { tool_calls: tools } : {};
}

const thinking = ({ plan }: Answer): object => (plan.thinking === '' ? {} : { thinking: plan.thinking });

const part = (answer: Answer, content: string, more: object): string =>
  line({ model: answer.call.model, created_at: epoch, message: message(content, more), done: false });

function done(answer: Answer, content: string, more: object): Record<string, unknown> {
  return {
    model: answer.call.model,
    created_at: epoch,
    message: message(content, more),
    done: true,
    // Ollama itself says `stop` after tool calls too.
    done_reason: answer.plan.finish === 'length' ? 'length' : 'stop',
    total_duration: 1,
    load_duration: 0,
    ...(answer.usage
      ? {
          // Left out when all of the prompt was in the cache.
          ...(answer.inputTokens > answer.cachedTokens ? { prompt_eval_count: answer.inputTokens } : {}),
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
  whole: (answer) => done(answer, answer.plan.text, { ...thinking(answer), ...toolCalls(answer) }),
  opening: (answer) => (answer.plan.thinking === '' ? [] : [part(answer, '', thinking(answer))]),
  piece: (answer, _choice, text) => part(answer, text, {}),
  // Tool calls come in a line of their own as soon as they are whole, before the last.
  closing: (answer) => [
    ...(answer.plan.toolCalls.length > 0 ? [part(answer, '', toolCalls(answer))] : []),
    line(done(answer, '', {})),
  ],
  errorInStream: (text) => line({ error: text }),
};
