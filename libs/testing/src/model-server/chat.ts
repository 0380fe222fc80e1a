import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Behaviour, Script } from './behaviour.js';
import type { Bill } from './bill.js';
import { planAnswer } from './plan.js';
import { countTokens } from './tokens.js';
import type { Answer, Wire } from './wire.js';

export interface ChatRules {
  bill: Bill;
  script: Script;
  /** What a call costs whose client goes away: what was sent by then, or all that it would have come to. */
  cancelledCallsBill: 'delivered' | 'full';
  /** Models that Ollama has not got yet. */
  absent: Set<string>;
  /** What callers of a guarded path have to show. */
  apiKey: string | undefined;
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** Thrown inside a call when this server is to break off. */
class Dropped extends Error {}

/** One chat call from its request to its bill. */
export async function serveChat(
  wire: Wire,
  body: Record<string, unknown>,
  response: ServerResponse,
  rules: ChatRules,
): Promise<void> {
  const request = wire.read(body);
  if (!request) return sendJson(response, 400, wire.error(400, 'model and messages are required', undefined));
  const { bill } = rules;
  const call = bill.open({ ...request, api: wire.api, request: body });
  const refuse = (status: number, message: string, code: string | undefined, headers?: Behaviour['headers']) => {
    call.status = status;
    bill.close(call, 'refused', { inputTokens: 0, cachedTokens: 0, outputTokens: 0 });
    sendJson(response, status, wire.error(status, message, code), headers);
  };
  const missing = wire.api === 'ollama' && rules.absent.has(request.model);
  if (missing || !bill.models.includes(request.model))
    return refuse(404, `model "${request.model}" not found`, 'model_not_found');

  const behaviour = rules.script.take(request.model);
  const plan = planAnswer(request.model, behaviour, request.outputLimit);
  const inputTokens = behaviour.inputTokens ?? request.inputTokens;
  let uncached = inputTokens;
  const share = (tokens = 0) => {
    const taken = Math.min(tokens, uncached);
    uncached -= taken;
    return taken;
  };
  const answer: Answer = {
    call,
    plan,
    choices: request.choices,
    inputTokens,
    cachedTokens: share(behaviour.cachedTokens),
    cacheWriteTokens: share(behaviour.cacheWriteTokens),
    cacheWriteLongTokens: share(behaviour.cacheWriteLongTokens),
    usage: !behaviour.omitUsage && (!request.streaming || request.streamUsage),
  };
  const total = plan.outputTokens * request.choices;
  const close = (state: 'completed' | 'cancelled' | 'failed', outputTokens: number) =>
    bill.close(call, state, {
      inputTokens: answer.inputTokens,
      cachedTokens: answer.cachedTokens,
      cacheWriteTokens: answer.cacheWriteTokens,
      cacheWriteLongTokens: answer.cacheWriteLongTokens,
      outputTokens: Math.min(outputTokens, total),
    });

  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const sending = new Sending(response, gone.signal, request.choices * plan.reasoningTokens);
  try {
    if (behaviour.latencyMs) await wait(behaviour.latencyMs, undefined, { signal: gone.signal });
    if (behaviour.status !== undefined)
      return refuse(behaviour.status, behaviour.message ?? 'scripted', behaviour.code, behaviour.headers);
    if (behaviour.hang === 'before') await sending.hang();
    if (request.streaming) await stream(wire, answer, behaviour, sending);
    else await whole(wire, answer, behaviour, sending);
    close('completed', total);
    response.end();
  } catch (error) {
    if (gone.signal.aborted) close('cancelled', rules.cancelledCallsBill === 'full' ? total : sending.delivered);
    // An answer in one piece was generated whole before its first byte left.
    else close('failed', request.streaming ? sending.delivered : total);
    response.destroy();
    if (!gone.signal.aborted && !(error instanceof Dropped)) throw error;
  }
}

/** Writes to a client that may be slow or gone, and knows how many output tokens went out. */
class Sending {
  private flushed: Promise<unknown> = Promise.resolve();

  constructor(
    readonly response: ServerResponse,
    readonly gone: AbortSignal,
    public delivered: number,
  ) {}

  async write(text: string): Promise<void> {
    this.gone.throwIfAborted();
    let room = true;
    this.flushed = new Promise((resolve) => {
      room = this.response.write(text, resolve);
    });
    if (!room) await once(this.response, 'drain', { signal: this.gone });
  }

  /** Until the client goes away. */
  async hang(): Promise<never> {
    if (!this.gone.aborted) await once(this.gone, 'abort');
    throw new Dropped();
  }

  /** Breaks off once what was sent has left, so that the client sees exactly that much. */
  async drop(): Promise<never> {
    await this.flushed;
    throw new Dropped();
  }
}

async function stream(wire: Wire, answer: Answer, behaviour: Behaviour, sending: Sending): Promise<void> {
  const { response } = sending;
  response.writeHead(200, { 'content-type': wire.streamType, 'cache-control': 'no-cache' });
  for (const frame of wire.opening(answer)) await sending.write(frame);
  let sent = 0;
  const breakOff = async () => {
    if (behaviour.dropAfterTokens !== undefined && sent >= behaviour.dropAfterTokens) await sending.drop();
    if (behaviour.errorAfterTokens !== undefined && sent >= behaviour.errorAfterTokens) {
      await sending.write(wire.errorInStream(behaviour.message ?? 'the model stopped working'));
      await sending.drop();
    }
  };
  await breakOff();
  for (const [index, piece] of answer.plan.pieces.entries()) {
    if (index > 0 && behaviour.chunkGapMs) await wait(behaviour.chunkGapMs, undefined, { signal: sending.gone });
    for (let choice = 0; choice < answer.choices; choice += 1) {
      sent += countTokens(piece);
      sending.delivered += countTokens(piece);
      await sending.write(wire.piece(answer, choice, piece));
    }
    if (behaviour.hang === 'midway') await sending.hang();
    await breakOff();
  }
  for (const frame of wire.closing(answer)) await sending.write(frame);
}

async function whole(wire: Wire, answer: Answer, behaviour: Behaviour, sending: Sending): Promise<void> {
  const text = JSON.stringify(wire.whole(answer));
  const breaks = behaviour.dropAfterTokens ?? behaviour.errorAfterTokens;
  sending.response.writeHead(200, { 'content-type': 'application/json' });
  if (behaviour.hang === 'midway' || breaks !== undefined) {
    await sending.write(text.slice(0, text.length / 2));
    await (breaks === undefined ? sending.hang() : sending.drop());
  }
  await sending.write(text);
}
