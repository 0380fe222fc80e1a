import type { TranscriptionRequest, Usage } from '@purser/plugin-sdk';
import type { GoogleSpeechConfig } from './config.js';
import { languageCode } from './language.js';
import type { Recording } from './recording.js';

/** Google's RecognizeResponse and LongRunningRecognizeResponse, as much as is read of them. */
export interface Recognised {
  results?: {
    alternatives?: { transcript?: string; words?: { startTime?: string; endTime?: string; word?: string }[] }[];
    resultEndTime?: string;
    languageCode?: string;
  }[];
  totalBilledTime?: string;
}

export interface Word {
  word: string;
  start: number;
  end: number;
}

/** What was heard, in no particular form. */
export interface Heard {
  text: string;
  words: Word[];
  language: string;
  /** Of the recording; undefined when nothing says it. */
  seconds: number | undefined;
}

/** protobuf's Duration in JSON: `"12.300s"`. */
export const seconds = (duration: string | undefined): number | undefined =>
  duration !== undefined && /^\d+(\.\d+)?s$/.test(duration) ? Number.parseFloat(duration) : undefined;

/** `prompt` and `temperature` have nothing that they could become. */
export function recognitionConfig(
  { model, fields }: TranscriptionRequest,
  { bytes: _bytes, seconds: _seconds, ...recording }: Recording,
  settings: GoogleSpeechConfig,
  withWords: boolean,
): Record<string, unknown> {
  const asked = typeof fields.language === 'string' && fields.language !== '' ? fields.language : settings.language;
  return {
    ...recording,
    languageCode: languageCode(asked),
    model,
    enableAutomaticPunctuation: settings.punctuation,
    ...(withWords ? { enableWordTimeOffsets: true } : {}),
  };
}

/** Google bills what it listened to, in seconds rounded up, and says how many. */
export function usageOf({ totalBilledTime }: Recognised): Usage | undefined {
  const audioSeconds = seconds(totalBilledTime);
  return audioSeconds === undefined ? undefined : { inputTokens: 0, outputTokens: 0, cachedTokens: 0, audioSeconds };
}

export function heardOf(answer: Recognised, language: string, length: number | undefined): Heard {
  const results = answer.results ?? [];
  const best = results.flatMap(({ alternatives }) => alternatives?.slice(0, 1) ?? []);
  return {
    text: best
      .map(({ transcript = '' }) => transcript.trim())
      .filter((text) => text !== '')
      .join(' '),
    words: best
      .flatMap(({ words = [] }) => words)
      .map(({ word = '', startTime, endTime }) => ({
        word,
        start: seconds(startTime) ?? 0,
        end: seconds(endTime) ?? 0,
      })),
    language: results.find((result) => result.languageCode)?.languageCode ?? language,
    seconds: length ?? seconds(results.at(-1)?.resultEndTime),
  };
}
