import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { anthropicAsked, anthropicError, anthropicRoutes } from './anthropic-endpoints.js';
import { type Behaviour, Script, type ScriptOptions } from './behaviour.js';
import { Bill, type CallRecord, type Counters, type ModelPrices } from './bill.js';
import { type ChatRules, sendJson, serveChat } from './chat.js';
import { ollamaWire } from './ollama-wire.js';
import { openaiWire } from './openai-wire.js';
import { responsesWire } from './responses-wire.js';
import { isObject } from './wire.js';

export interface ModelServerOptions {
  models: Readonly<Record<string, ModelPrices>>;
  /** 0, the standard, takes a free one. */
  port?: number;
  /** Standard: 127.0.0.1. Only a container has a reason to listen elsewhere. */
  host?: string;
  /** Calls of the OpenAI and Anthropic paths must carry it, as their bearer token or as `x-api-key`. */
  apiKey?: string;
  /** What Anthropic's list of models says that each can do; null for those left out, as for many models there. */
  capabilities?: Readonly<Record<string, unknown>>;
  /** Standard: `delivered`. */
  cancelledCallsBill?: ChatRules['cancelledCallsBill'];
}

export interface ModelServer {
  /** Also Ollama's and Anthropic's base URL. */
  url: string;
  openaiBaseUrl: string;
  /** The last 10,000 calls, oldest first. */
  calls: readonly CallRecord[];
  /** Over all calls since the start. */
  counters: Readonly<Counters>;
  countersOf(model: string): Readonly<Counters>;
  script(behaviour: Behaviour, options?: ScriptOptions): void;
  clearScript(): void;
  stop(): Promise<void>;
}

const maxBody = 32 * 2 ** 20;

async function readBody(request: IncomingMessage): Promise<Record<string, unknown> | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBody) return undefined;
    parts.push(part);
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(parts).toString() || '{}');
    return isObject(body) ? body : undefined;
  } catch {
    return undefined;
  }
}

const bigintsAsText = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value);

/** Demo models on loopback that speak OpenAI's, Anthropic's and Ollama's chat protocols and bill by themselves. */
export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const bill = new Bill(options.models);
  const script = new Script();
  const rules: ChatRules = { bill, script, cancelledCallsBill: options.cancelledCallsBill ?? 'delivered' };

  const withBody = async (
    request: IncomingMessage,
    response: ServerResponse,
    use: (body: Record<string, unknown>) => Promise<void> | void,
  ) => {
    const body = await readBody(request);
    const message = 'the body is not a JSON object';
    if (body) await use(body);
    else if (anthropicAsked(request)) sendJson(response, 400, anthropicError(400, message));
    else sendJson(response, 400, { error: { message, type: 'invalid_request_error' } });
  };

  const anthropic = anthropicRoutes(rules, options.capabilities ?? {});
  const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => Promise<void> | void> = {
    'POST /v1/chat/completions': (request, response) =>
      withBody(request, response, (body) => serveChat(openaiWire, body, response, rules)),
    'POST /v1/responses': (request, response) =>
      withBody(request, response, (body) => serveChat(responsesWire, body, response, rules)),
    'GET /v1/models': (request, response) =>
      anthropicAsked(request)
        ? sendJson(response, 200, anthropic.models())
        : sendJson(response, 200, {
            object: 'list',
            data: bill.models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'demo' })),
          }),
    'POST /v1/messages': (request, response) =>
      withBody(request, response, (body) => anthropic.messages(request, body, response)),
    'POST /v1/messages/count_tokens': (request, response) =>
      withBody(request, response, (body) => anthropic.countTokens(request, body, response)),
    'POST /api/chat': (request, response) =>
      withBody(request, response, (body) => serveChat(ollamaWire, body, response, rules)),
    'GET /api/tags': (_request, response) =>
      sendJson(response, 200, {
        models: bill.models.map((name) => ({
          name,
          model: name,
          modified_at: '1970-01-01T00:00:00Z',
          size: 0,
          digest: '',
          details: { format: 'demo', family: 'demo', parameter_size: '0', quantization_level: 'none' },
        })),
      }),
    'GET /api/version': (_request, response) => sendJson(response, 200, { version: '0.0.0-demo' }),
    'GET /__calls': (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ counters: bill.counters, calls: bill.calls }, bigintsAsText));
    },
    'POST /__script': (request, response) =>
      withBody(request, response, ({ behaviour, ...where }) => {
        script.add(isObject(behaviour) ? behaviour : {}, where);
        sendJson(response, 200, {});
      }),
    'DELETE /__script': (_request, response) => {
      script.clear();
      sendJson(response, 200, {});
    },
  };

  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const route = routes[`${request.method} ${path}`];
    if (!route) return sendJson(response, 404, { error: { message: `nothing at ${request.method} ${path}` } });
    if (options.apiKey !== undefined && path.startsWith('/v1/')) {
      const key = request.headers['x-api-key'] ?? request.headers.authorization?.replace(/^Bearer /, '');
      if (key !== options.apiKey) {
        if (anthropicAsked(request)) return sendJson(response, 401, anthropicError(401, 'invalid x-api-key'));
        const message = 'Incorrect API key provided';
        return sendJson(response, 401, { error: { message, type: 'invalid_request_error', code: 'invalid_api_key' } });
      }
    }
    Promise.resolve(route(request, response)).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    openaiBaseUrl: `${url}/v1`,
    calls: bill.calls,
    counters: bill.counters,
    countersOf: (model) => bill.countersOf(model),
    script: (behaviour, where) => script.add(behaviour, where),
    clearScript: () => script.clear(),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
