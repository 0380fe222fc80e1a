import { request, type IncomingMessage } from 'node:http';

const ANSWER_MS = 15_000;
const LARGEST_ANSWER = 32 * 1024 * 1024;

export interface EngineRequest {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  body?: string;
  /**
   * How long the engine may take to begin its answer, and with `answerOf` to end it; for as long as the signal lets it when
   * it is 0.
   */
  timeoutMs?: number;
  /** Ends the request, and an answer that is still coming. */
  signal?: AbortSignal;
}

/** Asks the engine; resolves when its answer begins. */
export function askEngine(socketPath: string, wanted: EngineRequest): Promise<IncomingMessage> {
  const { method, path, body, timeoutMs = ANSWER_MS, signal } = wanted;
  return new Promise((resolve, reject) => {
    const headers = {
      host: 'docker',
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    };
    const asked = request({ socketPath, method, path, headers, agent: false, ...(signal ? { signal } : {}) });
    const late =
      timeoutMs > 0
        ? setTimeout(() => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
        : undefined;
    asked.once('response', (answer) => {
      clearTimeout(late);
      resolve(answer);
    });
    asked.on('error', (error) => {
      clearTimeout(late);
      reject(error);
    });
    asked.end(body);
  });
}

export async function textOf(answer: AsyncIterable<unknown>, largest = LARGEST_ANSWER): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer) {
    length += (chunk as Buffer).length;
    if (length > largest) throw new Error(`it is larger than ${largest} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export async function answerOf(
  socketPath: string,
  { timeoutMs = ANSWER_MS, signal, ...wanted }: EngineRequest,
): Promise<{ status: number; text: string }> {
  const late = timeoutMs > 0 ? AbortSignal.timeout(timeoutMs) : undefined;
  const over = [signal, late].filter((one) => one !== undefined);
  try {
    const found = await askEngine(socketPath, { ...wanted, timeoutMs: 0, signal: AbortSignal.any(over) });
    return { status: found.statusCode ?? 502, text: await textOf(found) };
  } catch (error) {
    if (late?.aborted && !signal?.aborted) throw new Error(`no answer within ${timeoutMs} ms`, { cause: error });
    throw error;
  }
}
