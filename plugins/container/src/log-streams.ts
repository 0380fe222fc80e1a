import { PassThrough, type Readable } from 'node:stream';
import { once } from 'node:events';

const HEADER_BYTES = 8;
const STDERR = 2;

/**
 * Takes apart what the engine sends of a container's output: pieces with a header each that names the stream and the
 * length. Reads on only when what was read is taken.
 */
export function splitStreams(source: Readable): { stdout: Readable; stderr: Readable } {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  void pump(source, stdout, stderr)
    // The connection to the engine was cut: what arrived until then is all there is.
    .catch(() => undefined)
    .finally(() => {
      stdout.end();
      stderr.end();
    });
  return { stdout, stderr };
}

async function pump(source: Readable, stdout: PassThrough, stderr: PassThrough): Promise<void> {
  let header = Buffer.alloc(0);
  let target = stdout;
  let left = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length;) {
      if (left === 0) {
        const part = chunk.subarray(at, at + HEADER_BYTES - header.length);
        header = Buffer.concat([header, part]);
        at += part.length;
        if (header.length < HEADER_BYTES) continue;
        target = header[0] === STDERR ? stderr : stdout;
        left = header.readUInt32BE(4);
        header = Buffer.alloc(0);
        continue;
      }
      const piece = chunk.subarray(at, at + left);
      at += piece.length;
      left -= piece.length;
      if (target.destroyed) continue;
      if (!target.write(piece)) await takenOrClosed(target);
    }
  }
}

async function takenOrClosed(target: PassThrough): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  try {
    await Promise.race([once(target, 'drain', { signal }), once(target, 'close', { signal })]);
  } finally {
    // Or what listened for the other one would stay, for every piece.
    settled.abort();
  }
}
