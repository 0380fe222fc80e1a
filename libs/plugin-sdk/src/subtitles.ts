/** A piece of speech; times in seconds from the beginning. */
export interface Cue {
  start: number;
  end: number;
  text: string;
}

function clock(seconds: number, decimals: ',' | '.'): string {
  const ms = Math.round(seconds * 1000);
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const time = `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}`;
  return `${time}${decimals}${String(ms % 1000).padStart(3, '0')}`;
}

/** SubRip, as OpenAI's `response_format: "srt"`. */
export const subRip = (cues: readonly Cue[]): string =>
  cues
    .map(
      ({ start, end, text }, index) => `${index + 1}\n${clock(start, ',')} --> ${clock(end, ',')}\n${text.trim()}\n\n`,
    )
    .join('');

/** WebVTT, as OpenAI's `response_format: "vtt"`. */
export const webVtt = (cues: readonly Cue[]): string =>
  `WEBVTT\n\n${cues.map(({ start, end, text }) => `${clock(start, '.')} --> ${clock(end, '.')}\n${text.trim()}\n\n`).join('')}`;
