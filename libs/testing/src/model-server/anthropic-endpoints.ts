import type { IncomingMessage, ServerResponse } from 'node:http';
import { anthropicProblem } from './anthropic-rules.js';
import { anthropicError, anthropicInput, anthropicWire } from './anthropic-wire.js';
import { type ChatRules, sendJson, serveChat } from './chat.js';

export { anthropicError };

/** Some of its paths are OpenAI's too; its own header tells whose answer is wanted. */
export const anthropicAsked = (request: IncomingMessage): boolean =>
  request.headers['anthropic-version'] !== undefined || (request.url ?? '').startsWith('/v1/messages');

/** Anthropic's endpoints on the model server. */
export function anthropicRoutes(rules: ChatRules, capabilities: Readonly<Record<string, unknown>>) {
  const { bill } = rules;
  return {
    async messages(request: IncomingMessage, body: Record<string, unknown>, response: ServerResponse): Promise<void> {
      const problem = anthropicProblem(body, request.headers['anthropic-version'], false);
      if (problem !== undefined) return sendJson(response, 400, anthropicError(400, problem));
      return serveChat(anthropicWire, body, response, rules);
    },
    countTokens(request: IncomingMessage, body: Record<string, unknown>, response: ServerResponse): void {
      const problem = anthropicProblem(body, request.headers['anthropic-version'], true);
      if (problem !== undefined) return sendJson(response, 400, anthropicError(400, problem));
      if (!bill.models.includes(String(body.model)))
        return sendJson(response, 404, anthropicError(404, `model: ${String(body.model)}`));
      sendJson(response, 200, { input_tokens: anthropicInput(body) });
    },
    models: (): Record<string, unknown> => ({
      data: bill.models.map((id) => ({
        type: 'model',
        id,
        display_name: id,
        created_at: '1970-01-01T00:00:00Z',
        lifecycle: 'active',
        max_input_tokens: null,
        max_tokens: null,
        capabilities: capabilities[id] ?? null,
      })),
      has_more: false,
      first_id: bill.models[0] ?? null,
      last_id: bill.models.at(-1) ?? null,
    }),
  };
}
