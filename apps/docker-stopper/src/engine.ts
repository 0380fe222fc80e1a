import { request, type IncomingMessage } from 'node:http';

const ANSWER_MS = 10_000;
const LARGEST_ANSWER = 32 * 1024 * 1024;

export interface EngineRequest {
  method: 'GET' | 'POST';
  path: string;
  body?: string;
  /** How long the engine may take to begin its answer. */
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
    const late = setTimeout(() => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    asked.once('response', (answer) => {
      clearTimeout(late);
      resolve(answer);
    });
    asked.once('error', (error) => {
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
