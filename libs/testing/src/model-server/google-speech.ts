import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { secondsOf, spokenWords } from './audio.js';
import type { Behaviour } from './behaviour.js';
import { readBytes, readJson } from './body.js';
import { type ChatRules, sendJson } from './chat.js';
import { type MediaOrder, type Route, serveMedia } from './media.js';
import { isObject } from './wire.js';

const names: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
};
const errorOf = (code: number, message: string, reason?: string): unknown => ({
  error: {
    code,
    message,
    status: names[code] ?? 'INTERNAL',
    ...(reason
      ? { details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'googleapis.com' }] }
      : {}),
  },
});

const token = 'ya29.demo';
const inlineLimit = 10 * 2 ** 20;
const syncSeconds = 60;

interface Operation {
  polls: number;
  behaviour: Behaviour;
  finish(): unknown;
}

/** Objects in Cloud Storage and operations that run. */
interface State {
  objects: Map<string, Buffer>;
  operations: Map<string, Operation>;
}

function refusalOf(request: IncomingMessage, key: string | undefined): [number, string, string?] | undefined {
  const { authorization, 'x-goog-api-key': given } = request.headers;
  if (authorization !== undefined)
    return authorization === `Bearer ${token}` ? undefined : [401, 'Request had invalid authentication credentials.'];
  if (given === undefined) return [403, 'Method doesn’t allow unregistered callers.'];
  if (key === undefined || given === key) return undefined;
  return [400, 'API key not valid. Please pass a valid API key.', 'API_KEY_INVALID'];
}

const offset = (seconds: number): string => `${Number(seconds.toFixed(3))}s`;

function recognised(body: Record<string, unknown>, seconds: number, { reply, omitUsage }: Behaviour): object {
  const config = isObject(body.config) ? body.config : {};
  const transcript = reply ?? 'this is what was heard';
  const words = spokenWords(transcript, seconds).map(({ word, start, end }) => ({
    startTime: offset(start),
    endTime: offset(end),
    word,
  }));
  const alternative = { transcript, confidence: 0.9, ...(config.enableWordTimeOffsets === true ? { words } : {}) };
  return {
    results: [
      {
        alternatives: [alternative],
        resultEndTime: offset(seconds),
        languageCode: String(config.languageCode).toLowerCase(),
      },
    ],
    ...(omitUsage ? {} : { totalBilledTime: `${Math.ceil(seconds)}s` }),
    requestId: '1',
  };
}

/** What Google finds wrong with a request before it listens. */
function mistake(body: Record<string, unknown>, version: string, bytes: number, seconds: number | undefined) {
  const config = isObject(body.config) ? body.config : {};
  if (typeof config.languageCode !== 'string') return "Invalid recognition 'config': bad language.";
  if (config.encoding === 'MP3' && version === 'v1') return "Invalid recognition 'config': bad encoding.";
  if (/OPUS|MP3/.test(String(config.encoding)) && typeof config.sampleRateHertz !== 'number')
    return "Invalid recognition 'config': bad sample rate hertz.";
  if (bytes > inlineLimit) return `Request payload size exceeds the limit: ${inlineLimit} bytes.`;
  if (seconds !== undefined && seconds > syncSeconds)
    return "Sync input too long. For audio longer than 1 min use LongRunningRecognize with a 'uri' parameter.";
  return undefined;
}

const modelOf = (body: Record<string, unknown>): string =>
  isObject(body.config) && typeof body.config.model === 'string' ? body.config.model : 'default';

const order = (
  body: Record<string, unknown>,
  audio: Buffer,
  make: (behaviour: Behaviour, seconds: number) => unknown,
): MediaOrder => ({
  api: 'google-speech',
  operation: 'transcriptions',
  model: modelOf(body),
  request: { ...body, audio: { bytes: audio.length } },
  error: errorOf,
  make: (behaviour) => {
    const seconds = secondsOf(audio);
    return {
      billed: { inputTokens: 0, cachedTokens: 0, outputTokens: 0, audioSeconds: Math.ceil(seconds) },
      body: make(behaviour, seconds),
    };
  },
});

async function recognise(version: string, request: IncomingMessage, response: ServerResponse, rules: ChatRules) {
  const body = (await readJson(request)) ?? {};
  const content = isObject(body.audio) && typeof body.audio.content === 'string' ? body.audio.content : '';
  const audio = Buffer.from(content, 'base64');
  const wrong = mistake(body, version, content.length, secondsOf(audio));
  if (wrong !== undefined) return sendJson(response, 400, errorOf(400, wrong));
  return serveMedia(
    order(body, audio, (behaviour, seconds) => recognised(body, seconds, behaviour)),
    response,
    rules,
  );
}

async function recogniseLong(
  version: string,
  { objects, operations }: State,
  request: IncomingMessage,
  response: ServerResponse,
  rules: ChatRules,
) {
  const body = (await readJson(request)) ?? {};
  const audio = objects.get(isObject(body.audio) ? String(body.audio.uri) : '');
  if (!audio) return sendJson(response, 404, errorOf(404, 'Requested entity was not found.'));
  const wrong = mistake(body, version, 0, undefined);
  if (wrong !== undefined) return sendJson(response, 400, errorOf(400, wrong));
  const name = randomUUID();
  return serveMedia(
    order(body, audio, (behaviour, seconds) => {
      operations.set(name, { polls: 0, behaviour, finish: () => recognised(body, seconds, behaviour) });
      return { name };
    }),
    response,
    rules,
  );
}

function poll(name: string, { operations }: State, response: ServerResponse): void {
  const operation = operations.get(name);
  if (!operation) return sendJson(response, 404, errorOf(404, 'Operation not found.'));
  operation.polls += 1;
  const type = 'type.googleapis.com/google.cloud.speech.v1.LongRunningRecognize';
  const head = { name, metadata: { '@type': `${type}Metadata`, progressPercent: operation.polls > 1 ? 100 : 10 } };
  if (operation.polls < 2 || operation.behaviour.operationRuns) return sendJson(response, 200, head);
  const { operationError: message } = operation.behaviour;
  if (message !== undefined) return sendJson(response, 200, { ...head, done: true, error: { code: 13, message } });
  const result = { '@type': `${type}Response`, ...(operation.finish() as object) };
  sendJson(response, 200, { ...head, done: true, response: result });
}

async function store(url: URL, { objects }: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const bucket = /\/b\/([^/]+)\/o$/.exec(url.pathname)?.[1] ?? '';
  const name = url.searchParams.get('name') ?? '';
  objects.set(`gs://${bucket}/${name}`, (await readBytes(request)) ?? Buffer.alloc(0));
  sendJson(response, 200, { kind: 'storage#object', bucket, name });
}

function remove(path: string, { objects }: State, response: ServerResponse): void {
  const [, bucket, name] = /\/b\/([^/]+)\/o\/([^/]+)$/.exec(path) ?? [];
  const known = objects.delete(`gs://${bucket}/${decodeURIComponent(name ?? '')}`);
  response.writeHead(known ? 204 : 404).end();
}

const prefix = '/google';

/** Google's Speech-to-Text (REST, v1 and v1p1beta1), as much of Cloud Storage as it needs, and the tokens for both. */
export function googleSpeech(): { route: Route; objects(): string[] } {
  const state: State = { objects: new Map(), operations: new Map() };
  const route: Route = (path, request, response, rules) => {
    if (!path.startsWith(`${prefix}/`)) return undefined;
    const rest = path.slice(prefix.length);
    const { method } = request;
    if (method === 'POST' && rest === '/token')
      return readBytes(request).then((bytes) => {
        const form = new URLSearchParams(bytes?.toString());
        const signed =
          form.get('grant_type')?.endsWith(':jwt-bearer') && form.get('assertion')?.split('.').length === 3;
        if (signed) sendJson(response, 200, { access_token: token, expires_in: 3599, token_type: 'Bearer' });
        else sendJson(response, 400, { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' });
      });
    const refused = refusalOf(request, rules.apiKey);
    if (refused) return Promise.resolve(sendJson(response, refused[0], errorOf(...refused)));
    const [, version, action] = /^\/(v1|v1p1beta1)\/(.+)$/.exec(rest) ?? [];
    if (method === 'POST' && version && action === 'speech:recognize')
      return recognise(version, request, response, rules);
    if (method === 'POST' && version && action === 'speech:longrunningrecognize')
      return recogniseLong(version, state, request, response, rules);
    if (method === 'GET' && action === 'operations') return Promise.resolve(sendJson(response, 200, {}));
    if (method === 'GET' && action?.startsWith('operations/'))
      return Promise.resolve(poll(action.slice('operations/'.length), state, response));
    if (method === 'POST' && rest.startsWith('/upload/storage/v1/b/'))
      return store(new URL(request.url ?? '/', 'http://localhost'), state, request, response);
    if (method === 'DELETE' && rest.startsWith('/storage/v1/b/')) return Promise.resolve(remove(rest, state, response));
    return undefined;
  };
  return { route, objects: () => [...state.objects.keys()] };
}
