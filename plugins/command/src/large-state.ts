/** What ends a JSON text that begins so; a state of this size is hardly a mere number. */
const ENDS: Readonly<Record<string, string>> = { '{': '}', '[': ']', '"': '"' };

/**
 * Passes a large JSON file on, and fails at its end when it was cut: so much can be told without reading all of it into
 * memory at once.
 */
export async function* wholeJson(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let first = '';
  let last = '';
  for await (const piece of source) {
    const text = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    first ||= text.toString('latin1').trimStart().slice(0, 1);
    last = text.toString('latin1').trimEnd().slice(-1) || last;
    yield piece;
  }
  if (ENDS[first] !== last)
    throw new Error('it is no whole JSON text; write another file and rename it to checkpoint.json');
}
