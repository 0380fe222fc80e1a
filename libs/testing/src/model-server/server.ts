import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { anthropicAsked, anthropicError, anthropicRoutes } from './anthropic-endpoints.js';
import { type Behaviour, Script, type ScriptOptions } from './behaviour.js';
import { Bill, type CallRecord, type Counters, type ModelPrices } from './bill.js';
import { type ChatRules, sendJson, serveChat } from './chat.js';
import { readJson } from './body.js';
import { googleSpeech } from './google-speech.js';
import { huggingFaceRoute } from './huggingface.js';
import { ollamaRoute } from './ollama-models.js';
import { ollamaWire } from './ollama-wire.js';
import type { Route } from './media.js';
import { openaiMediaRoute } from './openai-media.js';
import { openaiWire } from './openai-wire.js';
import { responsesWire } from './responses-wire.js';
import { isObject } from './wire.js';

export interface ModelServerOptions {
  models: Readonly<Record<string, ModelPrices>>;
  /** 0, the standard, takes a free one. */
  port?: number;
  /** Standard: 127.0.0.1. Only a container has a reason to listen elsewhere. */
  host?: string;
  /** Calls of the OpenAI, Anthropic and Hugging Face paths must carry it, as their bearer token or as `x-api-key`; Google's as their API key. */
  apiKey?: string;
  /** What Anthropic's list of models says that each can do; null for those left out, as for many models there. */
  capabilities?: Readonly<Record<string, unknown>>;
  /** Models that Ollama has not got until they are pulled. */
  absent?: readonly string[];
  /** Standard: `delivered`. */
  cancelledCallsBill?: ChatRules['cancelledCallsBill'];
}

export interface ModelServer {
  /** Also Ollama's and Anthropic's base URL. */
  url: string;
  openaiBaseUrl: string;
  /** In the place of `https://router.huggingface.co`. */
  huggingFaceUrl: string;
  /** In the place of Google's Speech-to-Text and Cloud Storage; `/token` gives tokens to service accounts. */
  googleUrl: string;
  /** What lies in Cloud Storage, as `gs://` addresses. */
  googleObjects(): string[];
  /** The last 10,000 calls, oldest first. */
  calls: readonly CallRecord[];
  /** Over all calls since the start. */
  counters: Readonly<Counters>;
  countersOf(model: string): Readonly<Counters>;
  script(behaviour: Behaviour, options?: ScriptOptions): void;
  clearScript(): void;
  stop(): Promise<void>;
}

const bigintsAsText = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value);

/** Demo models on loopback that speak the protocols of OpenAI, Anthropic, Ollama, Hugging Face and Google Speech, and bill by themselves. */
export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const bill = new Bill(options.models);
  const script = new Script();
  const rules: ChatRules = {
    bill,
    script,
    cancelledCallsBill: options.cancelledCallsBill ?? 'delivered',
    absent: new Set(options.absent),
    apiKey: options.apiKey,
  };
  const google = googleSpeech();
  const wires: readonly Route[] = [ollamaRoute, openaiMediaRoute, huggingFaceRoute, google.route];

  const withBody = async (
    request: IncomingMessage,
    response: ServerResponse,
    use: (body: Record<string, unknown>) => Promise<void> | void,
  ) => {
    const body = await readJson(request);
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
    if (options.apiKey !== undefined && path.startsWith('/v1/')) {
      const key = request.headers['x-api-key'] ?? request.headers.authorization?.replace(/^Bearer /, '');
      if (key !== options.apiKey) {
        if (anthropicAsked(request)) return sendJson(response, 401, anthropicError(401, 'invalid x-api-key'));
        const message = 'Incorrect API key provided';
        return sendJson(response, 401, { error: { message, type: 'invalid_request_error', code: 'invalid_api_key' } });
      }
    }
    let serving: Promise<void> | void = undefined;
    for (const wire of wires) serving ??= wire(path, request, response, rules);
    const route = serving ? undefined : routes[`${request.method} ${path}`];
    if (!serving && !route)
      return sendJson(response, 404, { error: { message: `nothing at ${request.method} ${path}` } });
    Promise.resolve(serving ?? route?.(request, response)).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    openaiBaseUrl: `${url}/v1`,
    huggingFaceUrl: `${url}/huggingface`,
    googleUrl: `${url}/google`,
    googleObjects: () => google.objects(),
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
