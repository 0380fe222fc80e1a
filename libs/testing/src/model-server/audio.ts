/** How long a recording is, by the demo models' rule: a WAV file as its header says, all else 16,000 bytes a second. */
export function secondsOf(audio: Buffer): number {
  const wav =
    audio.length >= 44 && audio.toString('latin1', 0, 4) === 'RIFF' && audio.toString('latin1', 8, 12) === 'WAVE';
  return wav ? (audio.length - 44) / audio.readUInt32LE(28) : audio.length / 16_000;
}

export interface Word {
  word: string;
  start: number;
  end: number;
}

/** The words of a text, spread evenly over a recording. */
export function spokenWords(text: string, seconds: number): Word[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const each = seconds / Math.max(1, words.length);
  return words.map((word, index) => ({ word, start: index * each, end: (index + 1) * each }));
}
