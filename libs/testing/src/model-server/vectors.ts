import { createHash } from 'node:crypto';

/** A vector of unit length that depends on nothing but the text. */
export function vectorOf(text: string, dimensions = 8): number[] {
  const raw: number[] = [];
  for (let block = 0; raw.length < dimensions; block += 1) {
    const digest = createHash('sha256').update(`${block}:${text}`).digest();
    for (const byte of digest) raw.push(byte / 255 - 0.5);
  }
  const vector = raw.slice(0, dimensions);
  const length = Math.hypot(...vector);
  return vector.map((value) => Math.fround(value / length));
}

export function packed(vector: readonly number[]): string {
  return Buffer.from(Float32Array.from(vector).buffer).toString('base64');
}
