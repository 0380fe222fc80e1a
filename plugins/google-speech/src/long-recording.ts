import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { type PluginLogger, ProviderError } from '@purser/plugin-sdk';
import type { Credentials } from './credentials.js';
import type { Recognised } from './recognition.js';
import { ask, json } from './rest.js';

interface Operation {
  name: string;
  done?: boolean;
  error?: { code?: number; message?: string };
  response?: Recognised;
}

export interface LongCall {
  credentials: Credentials;
  logger: PluginLogger;
  /** With its version, as `https://speech.googleapis.com/v1`. */
  speech: string;
  storage: string;
  bucket: string;
  config: Record<string, unknown>;
  bytes: Buffer;
  signal: AbortSignal;
}

const firstPollMs = 500;
const slowestPollMs = 10_000;
/** Google takes recordings of up to 8 hours, and about half of their length for them. */
const patienceMs = 4 * 3_600_000;
const failuresInARow = 5;
const tidyMs = 10_000;
const invalidArgument = 3;

const mayHaveCost = (error: ProviderError): ProviderError =>
  new ProviderError(error.kind, error.message, {
    ...(error.status === undefined ? {} : { status: error.status }),
    mayBill: true,
    cause: error,
  });

/** Through Cloud Storage: store, recognise, ask until it is done, delete. An operation that runs cannot be called off. */
export async function recogniseLong(call: LongCall): Promise<Recognised> {
  const { credentials, storage, bucket, speech, config, signal } = call;
  const name = `purser-${randomUUID()}`;
  const headers = () => credentials.accountHeaders(signal);
  const first = await headers();
  const upload = `${storage}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${name}`;
  try {
    await ask(upload, {
      method: 'POST',
      headers: { ...first, 'content-type': 'application/octet-stream' },
      body: call.bytes as Uint8Array<ArrayBuffer>,
      signal,
    }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw notHeardYet(error);
    });
    const body = { config, audio: { uri: `gs://${bucket}/${name}` } };
    const { name: operation } = await ask<Operation>(`${speech}/speech:longrunningrecognize`, {
      ...json(await headers(), body),
      signal,
    });
    return await finished(`${speech}/operations/${operation}`, headers, signal);
  } finally {
    const removed = remove(call, name);
    // A caller who has left is not kept waiting for it.
    if (!signal.aborted) await removed;
  }
}

/** What fails while the recording is stored costs nothing: nobody has listened to it. */
function notHeardYet(error: unknown): unknown {
  if (!(error instanceof ProviderError)) return error;
  const { kind, message, status, retryAfterMs } = error;
  return new ProviderError(kind, `the recording could not be stored: ${message}`, {
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    mayBill: false,
    cause: error,
  });
}

async function finished(
  url: string,
  headers: () => Promise<Record<string, string>>,
  signal: AbortSignal,
): Promise<Recognised> {
  const deadline = Date.now() + patienceMs;
  let failures = 0;
  for (let pause = firstPollMs; Date.now() < deadline; pause = Math.min(pause * 1.5, slowestPollMs)) {
    await wait(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
    let operation: Operation;
    try {
      operation = await ask<Operation>(url, { headers: await headers(), signal });
      failures = 0;
    } catch (error) {
      signal.throwIfAborted();
      failures += 1;
      // Asking costs nothing and may be repeated, unlike the call itself.
      const passing =
        error instanceof ProviderError && ['connection', 'overloaded', 'rate_limited', 'timeout'].includes(error.kind);
      if (passing && failures < failuresInARow) continue;
      throw error instanceof ProviderError ? mayHaveCost(error) : error;
    }
    if (operation.error) {
      const { code, message = 'the recognition failed' } = operation.error;
      const refused = code === invalidArgument;
      throw new ProviderError(refused ? 'invalid_request' : 'overloaded', message, { mayBill: !refused });
    }
    if (operation.done) return operation.response ?? {};
  }
  throw new ProviderError('timeout', `Google was not done within ${patienceMs / 3_600_000} hours`, { mayBill: true });
}

/** Also after an abort: a recording is nothing to leave behind. */
async function remove({ credentials, storage, bucket, logger }: LongCall, name: string): Promise<void> {
  const signal = AbortSignal.timeout(tidyMs);
  try {
    const headers = await credentials.accountHeaders(signal);
    await ask(`${storage}/storage/v1/b/${bucket}/o/${name}`, { method: 'DELETE', headers, signal });
  } catch (error) {
    if (error instanceof ProviderError && error.status === 404) return;
    logger.warn({ bucket, name, reason: (error as Error).message }, 'a recording was left in Cloud Storage');
  }
}
