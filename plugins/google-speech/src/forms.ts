import { type Cue, ProviderError, subRip, type TranscriptionRequest, type Usage, webVtt } from '@purser/plugin-sdk';
import type { Heard, Word } from './recognition.js';

export type Form = 'json' | 'text' | 'verbose_json' | 'srt' | 'vtt';
const forms: readonly string[] = ['json', 'text', 'verbose_json', 'srt', 'vtt'] satisfies Form[];

export function formOf({ fields }: TranscriptionRequest): Form {
  const wanted = fields.response_format ?? 'json';
  if (fields.stream === 'true' || typeof wanted !== 'string' || !forms.includes(wanted))
    throw new ProviderError(
      'invalid_request',
      `Google's transcripts are given as ${forms.join(', ')}, not ${fields.stream === 'true' ? 'as a stream' : `as "${String(wanted)}"`}`,
      { mayBill: false },
    );
  return wanted as Form;
}

/** Forms that tell when each word was said; Google is asked for it only then. */
export const needsWords = (form: Form): boolean => form === 'verbose_json' || form === 'srt' || form === 'vtt';

const cueSeconds = 6;
const cueLetters = 80;

/** Sentences, or what can be read at once of long ones. */
export function cuesOf(words: readonly Word[]): Cue[] {
  const cues: Cue[] = [];
  let open: Cue | undefined;
  for (const { word, start, end } of words) {
    if (open && end - open.start <= cueSeconds && open.text.length + word.length < cueLetters) {
      open.text += ` ${word}`;
      open.end = end;
    } else {
      open = { start, end, text: word };
      cues.push(open);
    }
    if (/[.!?…。？！]$/.test(word)) open = undefined;
  }
  return cues;
}

function granularities({ fields }: TranscriptionRequest): readonly string[] {
  const asked = fields['timestamp_granularities[]'] ?? fields.timestamp_granularities ?? ['segment'];
  return typeof asked === 'string' ? [asked] : asked;
}

/** What was heard, as OpenAI gives it. */
export function render(
  form: Form,
  heard: Heard,
  request: TranscriptionRequest,
  usage: Usage | undefined,
): Record<string, unknown> | string {
  const { text, words, language } = heard;
  const told = usage ? { usage: { type: 'duration', seconds: usage.audioSeconds } } : {};
  switch (form) {
    case 'text':
      return `${text}\n`;
    case 'srt':
      return subRip(cuesOf(words));
    case 'vtt':
      return webVtt(cuesOf(words));
    case 'json':
      return { text, ...told };
    case 'verbose_json': {
      const asked = granularities(request);
      return {
        task: 'transcribe',
        language,
        duration: heard.seconds ?? words.at(-1)?.end ?? 0,
        text,
        ...(asked.includes('word') ? { words } : {}),
        ...(asked.includes('segment') ? { segments: cuesOf(words).map((cue, id) => ({ id, ...cue })) } : {}),
        ...told,
      };
    }
  }
}
