/** What became of a call that brought no answer, and what is to be done. */
export type Refusal =
  /** The same call may succeed later. */
  | { kind: 'later'; code: string; message: string; afterMs: number | undefined }
  /** No money is left for it. */
  | { kind: 'budget'; message: string }
  | { kind: 'emergency'; message: string }
  /** The conversation is longer than the model's window, which has this size where that is said. */
  | { kind: 'too_long'; message: string; windowTokens: number | undefined }
  /** The session's key is not known (yet). */
  | { kind: 'key'; message: string }
  | { kind: 'refused'; code: string; message: string };

export class ModelRefusal extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

interface ErrorBody {
  error?: { message?: unknown; code?: unknown; type?: unknown };
}

const TOO_LONG =
  /context.{0,10}(length|window|size)|too long|too many (input )?tokens|maximum.{0,20}tokens|prompt.{0,20}exceed/i;

/** "maximum context length is 8192 tokens", "limit of 200000 tokens", "202,331 tokens > 200,000 maximum". */
export function windowIn(message: string): number | undefined {
  const patterns = [
    /maximum context length (?:is|of) ([\d,]+)/i,
    /> ([\d,]+) maximum/i,
    /(?:context (?:window|length|size)|limit)[^\d]{0,30}([\d,]{4,})/i,
  ];
  for (const pattern of patterns) {
    const found = pattern.exec(message)?.[1];
    const tokens = found === undefined ? NaN : Number(found.replaceAll(',', ''));
    if (Number.isInteger(tokens) && tokens >= 256) return tokens;
  }
  return undefined;
}

/** Seconds or a date, as HTTP has it, or OpenAI's milliseconds. */
export function retryAfterMs(headers: Headers, now: number): number | undefined {
  const exact = Number(headers.get('retry-after-ms') ?? NaN);
  if (exact >= 0) return exact;
  const after = headers.get('retry-after');
  if (after === null || after.trim() === '') return undefined;
  const ms = Number.isNaN(Number(after)) ? Date.parse(after) - now : Number(after) * 1000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function parse(body: string): { code: string; message: string } {
  try {
    const { error } = JSON.parse(body) as ErrorBody;
    const code = typeof error?.code === 'string' ? error.code : typeof error?.type === 'string' ? error.type : '';
    if (typeof error?.message === 'string') return { code, message: error.message };
  } catch {
    // Not the gateway's own: something between here and there.
  }
  return { code: '', message: body.slice(0, 300) };
}

export function readRefusal(status: number, headers: Headers, body: string, now: number): Refusal {
  const { code, message } = parse(body);
  const said = message === '' ? `the gateway answered ${status}` : message;
  if (status === 402) return { kind: 'budget', message: said };
  if (status === 403 && code === 'emergency') return { kind: 'emergency', message: said };
  if (status === 401) return { kind: 'key', message: said };
  if (status === 429 || status === 408 || status === 425 || status >= 500) {
    return { kind: 'later', code: code || `http_${status}`, message: said, afterMs: retryAfterMs(headers, now) };
  }
  const tooLong = status === 413 || code === 'context_length_exceeded' || (status === 400 && TOO_LONG.test(said));
  if (tooLong) return { kind: 'too_long', message: said, windowTokens: windowIn(said) };
  return { kind: 'refused', code: code || `http_${status}`, message: said };
}
