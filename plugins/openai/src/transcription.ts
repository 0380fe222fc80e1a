import {
  type Cue,
  ProviderError,
  subRip,
  tokenCount,
  type Transcription,
  type TranscriptionRequest,
  type Usage,
  webVtt,
} from '@purser/plugin-sdk';
import type OpenAI from 'openai';

type Heard = Record<string, unknown>;

const seconds = (value: unknown): number | undefined => {
  const number = typeof value === 'string' ? Number.parseFloat(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : undefined;
};

const byTime = (audioSeconds: number): Usage => ({ inputTokens: 0, outputTokens: 0, cachedTokens: 0, audioSeconds });

/** Tokens or seconds, whichever the model is billed by; older servers tell the length only as `duration`. */
export function transcriptionUsage(heard: Heard): Usage | undefined {
  const usage = heard.usage as Record<string, unknown> | null | undefined;
  const inputTokens = tokenCount(usage?.input_tokens);
  const outputTokens = tokenCount(usage?.output_tokens);
  if (inputTokens !== undefined && outputTokens !== undefined) {
    const details = usage?.input_token_details as Record<string, unknown> | null | undefined;
    const audioInputTokens = Math.min(tokenCount(details?.audio_tokens) ?? 0, inputTokens);
    return { inputTokens, outputTokens, cachedTokens: 0, audioInputTokens };
  }
  const length = seconds(usage?.seconds) ?? seconds(heard.duration);
  return length === undefined ? undefined : byTime(length);
}

function cuesOf(heard: Heard, format: string): Cue[] {
  if (Array.isArray(heard.segments)) return heard.segments as Cue[];
  throw new ProviderError('unknown', `the answer has no segments, so it cannot be given as ${format}`, {
    mayBill: true,
  });
}

/**
 * Forms of plain text carry no usage, and a call without usage costs its full hold. So the answer is asked for as JSON,
 * and the text is made from it as the server would have.
 */
const asText: Readonly<Record<string, { ask: string; render(heard: Heard): string }>> = {
  text: { ask: 'json', render: ({ text }) => `${String(text)}\n` },
  srt: { ask: 'verbose_json', render: (heard) => subRip(cuesOf(heard, 'srt')) },
  vtt: { ask: 'verbose_json', render: (heard) => webVtt(cuesOf(heard, 'vtt')) },
};

const flag = (value: unknown): boolean => value === 'true' || value === '1';

export async function transcribe(
  openai: OpenAI,
  { model, audio, fileName, contentType, fields }: TranscriptionRequest,
  signal: AbortSignal,
): Promise<Transcription> {
  if (flag(fields.stream))
    throw new ProviderError('invalid_request', 'transcriptions are not streamed here; leave "stream" out', {
      mayBill: false,
    });
  const wanted = typeof fields.response_format === 'string' ? fields.response_format : undefined;
  const text = wanted === undefined ? undefined : asText[wanted];
  const form = new FormData();
  form.append('model', model);
  for (const [name, value] of Object.entries(fields))
    for (const one of typeof value === 'string' ? [value] : value)
      form.append(name, name === 'response_format' && text ? text.ask : one);
  form.append('file', new File(audio as Uint8Array<ArrayBuffer>[], fileName, { type: contentType }));
  const heard = await openai.post<Heard | string>('/audio/transcriptions', { body: form, signal });
  if (typeof heard === 'string') return { body: heard, usage: undefined };
  return { body: text ? text.render(heard) : heard, usage: transcriptionUsage(heard) };
}
