import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Behaviour } from './behaviour.js';
import type { Billed, CallRecord } from './bill.js';
import { type ChatRules, sendJson } from './chat.js';

/** Serves a path that is its own, else says that it is not. */
export type Route = (
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  rules: ChatRules,
) => Promise<void> | undefined;

export interface MediaAnswer {
  billed: Billed;
  /** An object is sent as JSON, a text as it is. */
  body: unknown;
  headers?: Readonly<Record<string, string>>;
}

/** A call with one answer in one piece, in terms that all protocols share. */
export interface MediaOrder {
  api: CallRecord['api'];
  operation: NonNullable<CallRecord['operation']>;
  model: string;
  request: Record<string, unknown>;
  make(behaviour: Behaviour, call: CallRecord): MediaAnswer;
  error(status: number, message: string, code: string | undefined): unknown;
}

const nothing = { inputTokens: 0, cachedTokens: 0, outputTokens: 0 };

/** From the order to the bill. A client that leaves before the answer pays for what was read, or for all of it. */
export async function serveMedia(order: MediaOrder, response: ServerResponse, rules: ChatRules): Promise<void> {
  const { api, operation, model, request } = order;
  const { bill, script } = rules;
  const call = bill.open({ api, operation, model, request, streaming: false, outputLimit: undefined });
  const refuse = (status: number, message: string, code: string | undefined, headers?: Behaviour['headers']) => {
    call.status = status;
    bill.close(call, 'refused', nothing);
    sendJson(response, status, order.error(status, message, code), headers);
  };
  if (!bill.models.includes(model)) return refuse(404, `model "${model}" not found`, 'model_not_found');
  const behaviour = script.take(model);
  const answer = order.make(behaviour, call);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    if (behaviour.latencyMs) await wait(behaviour.latencyMs, undefined, { signal: gone.signal });
    if (behaviour.status !== undefined)
      return refuse(behaviour.status, behaviour.message ?? 'scripted', behaviour.code, behaviour.headers);
    if (behaviour.hang !== undefined) await once(gone.signal, 'abort');
    gone.signal.throwIfAborted();
  } catch {
    const read = { ...nothing, inputTokens: answer.billed.inputTokens };
    bill.close(call, 'cancelled', rules.cancelledCallsBill === 'full' ? answer.billed : read);
    response.destroy();
    return;
  }
  const plain = typeof answer.body === 'string';
  const text = plain ? (answer.body as string) : JSON.stringify(answer.body);
  const type = plain ? 'text/plain; charset=utf-8' : 'application/json';
  response.writeHead(200, { 'content-type': type, ...answer.headers });
  const breaks = behaviour.dropAfterTokens !== undefined || behaviour.errorAfterTokens !== undefined;
  bill.close(call, breaks ? 'failed' : 'completed', answer.billed);
  if (breaks) response.write(text.slice(0, text.length / 2), () => response.destroy());
  else response.end(text);
}
