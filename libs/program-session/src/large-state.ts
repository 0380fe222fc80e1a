/** What ends a JSON text that begins so; a state of this size is hardly a mere number. */
const ENDS: Readonly<Record<string, string>> = { '{': '}', '[': ']', '"': '"' };

/** Whether a large JSON file is whole, as far as can be told without holding all of it: one that is cut ends otherwise. */
export async function isWholeJson(source: AsyncIterable<Uint8Array>): Promise<boolean> {
  let first = '';
  let last = '';
  for await (const piece of source) {
    const text = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString('latin1');
    first ||= text.trimStart().slice(0, 1);
    last = text.trimEnd().slice(-1) || last;
  }
  return ENDS[first] === last;
}
