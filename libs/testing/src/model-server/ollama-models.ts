import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { readJson } from './body.js';
import { type ChatRules, sendJson } from './chat.js';
import { type Route, serveMedia } from './media.js';
import { ollamaWire } from './ollama-wire.js';
import { countTokens } from './tokens.js';
import { vectorOf } from './vectors.js';
import { positive } from './wire.js';

function tags({ bill, absent }: ChatRules): unknown {
  const present = bill.models.filter((name) => !absent.has(name));
  return {
    models: present.map((name) => ({
      name,
      model: name,
      modified_at: '1970-01-01T00:00:00Z',
      size: 0,
      digest: '',
      details: { format: 'demo', family: 'demo', parameter_size: '0', quantization_level: 'none' },
    })),
  };
}

async function embed(body: Record<string, unknown>, response: ServerResponse, rules: ChatRules): Promise<void> {
  const { model, input } = body;
  const texts: unknown[] = Array.isArray(input) ? input : [input];
  if (typeof model !== 'string' || !texts.every((text) => typeof text === 'string'))
    return sendJson(response, 400, { error: 'invalid input type' });
  const inputTokens = texts.reduce((sum, text) => sum + countTokens(text), 0);
  await serveMedia(
    {
      api: 'ollama',
      operation: 'embeddings',
      model: rules.absent.has(model) ? '' : model,
      request: body,
      error: (status, message) =>
        ollamaWire.error(status, status === 404 ? `model '${model}' not found` : message, undefined),
      make: ({ omitUsage }) => ({
        billed: { inputTokens, cachedTokens: 0, outputTokens: 0 },
        body: {
          model,
          embeddings: texts.map((text) => vectorOf(text, positive(body.dimensions))),
          total_duration: 1,
          load_duration: 0,
          ...(omitUsage ? {} : { prompt_eval_count: inputTokens }),
        },
      }),
    },
    response,
    rules,
  );
}

const size = 2_000_000;

/** An answer that has begun tells its errors in a line of its own. */
async function pull(model: unknown, response: ServerResponse, { bill, absent, script }: ChatRules): Promise<void> {
  const line = (body: object) => response.write(`${JSON.stringify(body)}\n`);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  line({ status: 'pulling manifest' });
  if (typeof model !== 'string' || !bill.models.includes(model)) {
    line({ error: 'pull model manifest: file does not exist' });
    response.end();
    return;
  }
  const layer = { status: 'pulling 6a0746a1ec1a', digest: 'sha256:6a0746a1ec1a', total: size };
  line(layer);
  line({ ...layer, completed: size / 2 });
  if (script.take(model).hang !== undefined) return void (await once(response, 'close'));
  line({ ...layer, completed: size });
  line({ status: 'verifying sha256 digest' });
  line({ status: 'writing manifest' });
  absent.delete(model);
  line({ status: 'success' });
  response.end();
}

/** What Ollama has beside its chat: the list of models, embeddings and the fetching of a model. */
export const ollamaRoute: Route = (path, request, response, rules) => {
  const routes: Record<string, () => Promise<void>> = {
    'GET /api/tags': () => Promise.resolve(sendJson(response, 200, tags(rules))),
    'GET /api/version': () => Promise.resolve(sendJson(response, 200, { version: '0.0.0-demo' })),
    'POST /api/embed': async () => embed((await readJson(request)) ?? {}, response, rules),
    'POST /api/pull': async () => {
      const body = await readJson(request);
      // The official client still says `name`.
      await pull(body?.model ?? body?.name, response, rules);
    },
  };
  return routes[`${request.method} ${path}`]?.();
};
