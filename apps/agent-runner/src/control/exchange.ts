import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { invalidRequest, PurserError } from '@purser/contracts';
import type { z } from 'zod';
import type { BodyRoom } from './body-room.js';

/** One request to the control API and its answer. */
export class Exchange {
  readonly method: string;
  /** The first part of the path: whose it is. */
  readonly token: string;
  /** The rest of it: `effects/begin`. */
  readonly action: string;
  private readonly query: URLSearchParams;
  /** Aborted when the client is gone. */
  private readonly gone = new AbortController();
  /** For its body. */
  room: BodyRoom | undefined;
  private giveBack: (() => void) | undefined;

  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
  ) {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const [, token = '', ...action] = path.split('/');
    this.method = request.method ?? 'GET';
    this.token = token;
    this.action = action.join('/');
    this.query = new URLSearchParams(query);
    response.once('close', () => this.gone.abort());
    // Whoever leaves in the middle is told by `gone`.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
  }

  get socket(): Socket {
    return this.request.socket;
  }

  get left(): AbortSignal {
    return this.gone.signal;
  }

  number(name: string, standard: number, most: number): number {
    const text = this.query.get(name);
    const value = text === null || text === '' ? standard : Number(text);
    if (Number.isFinite(value) && value >= 0) return Math.min(value, most);
    throw new PurserError('invalid_request', { message: `${name}: expected a number of seconds such as ${standard}` });
  }

  async bytes(limit: number): Promise<Buffer> {
    const announced = Number(this.request.headers['content-length'] ?? 0);
    if (announced > limit) throw tooLarge(limit, announced);
    // Whoever does not say how much may come with as much as is allowed.
    this.giveBack = await this.room?.take(announced || limit, this.left);
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of this.request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) throw tooLarge(limit, size);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /** The body as JSON of the given kind, whatever its content type says: curl sends forms unless told otherwise. */
  async json<Schema extends z.ZodType>(schema: Schema, limit: number): Promise<z.output<Schema>> {
    const parsed = schema.safeParse(parseJson(await this.bytes(limit)));
    if (!parsed.success) throw invalidRequest(this.action, parsed.error);
    return parsed.data;
  }

  /** Nobody needs the body any more. */
  done(): void {
    this.giveBack?.();
  }

  reply(answer: unknown): void {
    if (answer instanceof Uint8Array) this.send(200, answer, 'application/json');
    else if (answer === undefined) this.send(204, undefined, undefined);
    else this.send(200, Buffer.from(`${JSON.stringify(answer)}\n`), 'application/json');
  }

  refuse(error: PurserError): void {
    if (this.response.headersSent) return;
    // What is left of a body that is too large is not read.
    if (!this.request.complete) this.response.setHeader('connection', 'close');
    this.send(error.status, Buffer.from(`${JSON.stringify({ error: error.toJSON() })}\n`), 'application/json');
  }

  private send(status: number, body: Uint8Array | undefined, type: string | undefined): void {
    if (this.left.aborted) return;
    this.response.writeHead(status, type === undefined ? {} : { 'content-type': type, 'cache-control': 'no-store' });
    this.response.end(body);
  }
}

export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    const message = `the body is not JSON in UTF-8: ${(cause as Error).message}`;
    throw new PurserError('invalid_request', { message, cause });
  }
}

function tooLarge(limit: number, bytes: number): PurserError {
  return new PurserError('payload_too_large', {
    message: `the body has ${bytes} bytes or more, above the limit of ${limit}`,
    details: { limit, bytes },
  });
}
