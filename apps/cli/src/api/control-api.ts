import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  ErrorReply,
  invalidRequest,
  type Operation,
  PurserError,
  type ReplyOf,
  type RequestInput,
} from '@purser/contracts';
import { findHome } from '../home.js';
import type { Terminal } from '../terminal.js';

const ANSWER_TIMEOUT_MS = 30_000;

export interface Answer<O extends Operation> {
  /** Checked against the contract. */
  reply: ReplyOf<O>;
  /** As it came: what `--json` prints. */
  json: unknown;
}

/** The REST side of the control API, typed by the contracts: every operation that has a route can be called. */
export class ControlApi {
  private key: Promise<string> | undefined;

  constructor(
    readonly url: string,
    private readonly readKey: () => Promise<string>,
  ) {}

  async call<O extends Operation>(operation: O, request: RequestInput<O>, signal?: AbortSignal): Promise<ReplyOf<O>> {
    return (await this.ask(operation, request, signal)).reply;
  }

  /** A list of a reply as CSV, and what the next page is asked with. */
  async csv<O extends Operation>(
    operation: O,
    request: RequestInput<O>,
  ): Promise<{ text: string; next: string | null }> {
    const response = await this.send(operation, request, 'text/csv');
    if (!response.ok) throw failure(response.status, await this.readJson(response), operation.name);
    return { text: await response.text(), next: response.headers.get('x-next') };
  }

  async ask<O extends Operation>(operation: O, request: RequestInput<O>, signal?: AbortSignal): Promise<Answer<O>> {
    const response = await this.send(operation, request, 'application/json', signal);
    const json = await this.readJson(response);
    if (!response.ok) throw failure(response.status, json, operation.name);
    const reply = operation.reply.safeParse(json);
    if (!reply.success) {
      throw new PurserError('internal', {
        message: `${operation.name}: this purser does not understand the answer of ${this.url}; are both of the same version? (${invalidRequest('answer', reply.error).message})`,
      });
    }
    return { reply: reply.data as ReplyOf<O>, json };
  }

  /** A GET whose answer goes on for as long as whoever asked wants it. */
  async stream(target: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    this.key ??= this.readKey();
    const response = await this.fetch(target, {
      headers: { authorization: `Bearer ${await this.key}`, ...headers },
      signal,
    });
    if (response.ok && response.body) return response;
    throw failure(response.status, await this.readJson(response), target);
  }

  /** Bytes, as they come; they fail at their end when they are not what their digest says. */
  async download(target: string): Promise<{ bytes: AsyncIterable<Uint8Array>; size: number; digest: string }> {
    this.key ??= this.readKey();
    const response = await this.fetch(target, { headers: { authorization: `Bearer ${await this.key}` } });
    if (!response.ok) throw failure(response.status, await this.readJson(response), target);
    const digest = (response.headers.get('etag') ?? '').replaceAll('"', '');
    const size = Number(response.headers.get('content-length'));
    return { bytes: checked(response.body ?? [], digest), size, digest };
  }

  private async send<O extends Operation>(
    operation: O,
    request: RequestInput<O>,
    accept: string,
    signal?: AbortSignal,
  ): Promise<Response> {
    const checked = operation.request.safeParse(request);
    if (!checked.success) throw invalidRequest(operation.name, checked.error);
    const { method, target, body } = routed(operation, checked.data as Record<string, unknown>);
    this.key ??= this.readKey();
    return this.fetch(target, {
      method,
      headers: {
        authorization: `Bearer ${await this.key}`,
        accept,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.any([AbortSignal.timeout(ANSWER_TIMEOUT_MS), ...(signal ? [signal] : [])]),
    });
  }

  private async fetch(target: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(this.url + target, init);
    } catch (cause) {
      if (init.signal?.aborted && (init.signal.reason as Error).name !== 'TimeoutError') throw init.signal.reason;
      throw this.unreachable(cause);
    }
  }

  private async readJson(response: Response): Promise<unknown> {
    const text = await response.text().catch((cause: unknown) => {
      throw this.unreachable(cause);
    });
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new PurserError('unavailable', {
        message: `What answers at ${this.url} is not Purser's control API (HTTP ${response.status}, not JSON). Set PURSER_API_URL to it.`,
        cause,
      });
    }
  }

  unreachable(cause: unknown): PurserError {
    // fetch says only that it failed; why is one level down.
    const { message, cause: inner } = cause as Error & { cause?: { message?: string } };
    const why = inner?.message || message;
    return new PurserError('unavailable', {
      message: `No answer from Purser at ${this.url} (${why}). Start it with \`purser up\`, or set PURSER_API_URL to where it runs.`,
      cause,
    });
  }
}

async function* checked(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  digest: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const part of bytes) {
    hash.update(part);
    yield part;
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== digest)
    throw new PurserError('unavailable', { message: `what came is ${found}, and ${digest} was announced` });
}

function routed(
  operation: Operation,
  request: Record<string, unknown>,
): { method: string; target: string; body: string | undefined } {
  const { http } = operation;
  if (!http) throw new TypeError(`${operation.name} has no route over HTTP`);
  const rest = { ...request };
  const path = http.path.replaceAll(/:(\w+)/g, (_, name: string) => {
    const value = rest[name];
    delete rest[name];
    return encodeURIComponent(String(value));
  });
  if (http.method === 'POST' || http.method === 'PUT') {
    return { method: http.method, target: path, body: JSON.stringify(rest) };
  }
  const query = new URLSearchParams(
    Object.entries(rest).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, typeof value === 'string' ? value : JSON.stringify(value)]],
    ),
  ).toString();
  return { method: http.method, target: query ? `${path}?${query}` : path, body: undefined };
}

function failure(status: number, json: unknown, name: string): PurserError {
  const parsed = ErrorReply.safeParse(json);
  if (parsed.success) {
    const { code, message, details } = parsed.data.error;
    return new PurserError(code, { message, details });
  }
  return new PurserError('internal', { message: `${name}: HTTP ${status} without a readable error` });
}

export function apiUrl(env: Terminal['env']): string {
  const given = env.PURSER_API_URL || `http://127.0.0.1:${env.PURSER_API_PORT || '8081'}`;
  try {
    const { protocol, href } = new URL(given);
    if (protocol === 'http:' || protocol === 'https:') return href.replace(/\/+$/, '');
  } catch {
    // Told below, with what would be right.
  }
  throw new PurserError('invalid_request', {
    message: `PURSER_API_URL is not valid: "${given}"; expected a URL such as http://127.0.0.1:8081`,
  });
}

export function controlApi(terminal: Terminal): ControlApi {
  return new ControlApi(apiUrl(terminal.env), () => readAdminKey(terminal));
}

/** PURSER_ADMIN_KEY, or what Purser wrote at its first start. */
export async function readAdminKey({ env, cwd }: Pick<Terminal, 'env' | 'cwd'>): Promise<string> {
  if (env.PURSER_ADMIN_KEY) return env.PURSER_ADMIN_KEY;
  // Within a session: the session's own key, with which it hands in parts of its task.
  if (env.PURSER_API_KEY) return env.PURSER_API_KEY;
  const file = findHome(env, cwd).adminKey;
  try {
    const key = (await readFile(file, 'utf8')).trim();
    if (key !== '') return key;
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new PurserError('unauthorized', {
      message: missing
        ? `There is no admin key at ${file}: Purser was never started with this data folder. Run this in the folder where it was, or set PURSER_HOME or PURSER_ADMIN_KEY.`
        : `The admin key at ${file} cannot be read (${(cause as Error).message}). Run this as the user that started Purser, or set PURSER_ADMIN_KEY.`,
      cause,
    });
  }
  throw new PurserError('unauthorized', { message: `${file} is empty. Delete it and start Purser again.` });
}

/** The NATS URL that Purser wrote for other programs. */
export async function readToolsUrl({ env, cwd }: Pick<Terminal, 'env' | 'cwd'>): Promise<string> {
  const file = findHome(env, cwd).natsUrl;
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new PurserError('not_found', {
      message: `There is no NATS URL for tools at ${file} (${(cause as Error).message}). Purser writes it when it starts its own NATS: run this in the folder where it was started, or set PURSER_HOME.`,
      cause,
    });
  }
}
