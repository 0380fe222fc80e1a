import { Readable } from 'node:stream';
import { LINE_LIMIT, pumpLines, Tail } from './output.js';

async function lines(...chunks: (string | Buffer)[]): Promise<string[]> {
  const found: string[] = [];
  const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
  await pumpLines(stream, new Tail(10), (line) => void found.push(line));
  return found;
}

describe('splitting output into lines', () => {
  it('joins what came in pieces, drops carriage returns and flushes the last line', async () => {
    await expect(lines('on', 'e\r\n\ntw', 'o')).resolves.toEqual(['one', '', 'two']);
    await expect(lines('end\n')).resolves.toEqual(['end']);
    await expect(lines()).resolves.toEqual([]);
  });

  it('keeps characters whole that were cut between chunks', async () => {
    const euro = Buffer.from('€\n');
    await expect(lines(euro.subarray(0, 1), euro.subarray(1))).resolves.toEqual(['€']);
  });

  it('passes a long line on in pieces that lose nothing and cut no character', async () => {
    const long = `x${'€'.repeat(20_000)}`;
    const pieces = await lines(`${long}\nnext`);
    expect(pieces.at(-1)).toBe('next');
    expect(pieces.slice(0, -1).join('')).toBe(long);
    expect(pieces.every((piece) => Buffer.byteLength(piece) <= LINE_LIMIT)).toBe(true);
  });

  it('goes on with bytes that are no text, and shows NUL as a mark', async () => {
    const found = await lines(Buffer.alloc(LINE_LIMIT * 2, 0x80), 'a\0b\n');
    expect(found.join('')).toContain('a\ufffdb');
    expect(found).toHaveLength(3);
  });

  it('waits for a line to be taken before the next', async () => {
    let open = 0;
    let most = 0;
    await pumpLines(Readable.from([Buffer.from('1\n2\n3\n')]), new Tail(1), async () => {
      most = Math.max(most, ++open);
      await Promise.resolve();
      open -= 1;
    });
    expect(most).toBe(1);
  });
});

describe('the tail of a stream', () => {
  it.each([
    [['abc'], 'abc'],
    [['abcdef', 'ghij'], 'cdefghij'],
    [['0123456789abcdef'], '89abcdef'],
    [['€€€'], '€€'],
  ])('of %j', (chunks, expected) => {
    const tail = new Tail(8);
    for (const chunk of chunks) tail.add(Buffer.from(chunk));
    expect(tail.toString()).toBe(expected);
  });
});
