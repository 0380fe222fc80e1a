import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { RunAs } from '@purser/guard';

/** Of files on their way from machine to machine, unpacked. */
export const ARCHIVE_LIMIT = 1024 * 1024 * 1024;
const WORDS_LIMIT = 2_000;
/** What GNU tar ends with 1 for: a file that was written to, or went, while it was read. All else is in the archive. */
const CHANGED = /file changed as we read it|file removed before we read it|file shrank by/i;

/** Passes on so much and no more. */
function bounded(limit: number): Transform {
  let left = limit;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      left -= chunk.length;
      if (left < 0) done(new Error(`the files are more than ${limit} bytes`));
      else done(null, chunk);
    },
  });
}

function tar(args: string[], user: RunAs | undefined) {
  const child = spawn('tar', args, {
    stdio: 'pipe',
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
    ...(user && { uid: user.uid, gid: user.gid }),
  });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-WORDS_LIMIT)));
  // Its end says what was wrong; a pipe that it closes early is no other news.
  child.stdin.on('error', () => undefined);
  const ended = once(child, 'close').then(
    ([code]) => {
      if (code !== 0 && !(code === 1 && CHANGED.test(words)))
        throw new Error(`tar ended with ${String(code)}: ${words.trim()}`);
    },
    (error: Error) => {
      throw new Error(`tar could not be started: ${error.message}`);
    },
  );
  ended.catch(() => undefined);
  return { child, ended };
}

/**
 * All that is in a folder, links as links, packed. Its stream fails when it cannot be read or is too much; files that
 * change meanwhile are as they were read.
 */
export function pack(folder: string, names: readonly string[], limit = ARCHIVE_LIMIT): Readable {
  const { child, ended } = tar(['-cf', '-', '-C', folder, '--', ...names], undefined);
  child.stdin.end();
  const whole = async function* (): AsyncGenerator<Buffer> {
    yield* child.stdout as AsyncIterable<Buffer>;
    await ended;
  };
  const packed = createGzip({ level: 1 });
  // What went wrong is told by the stream that whoever called reads.
  pipeline(whole, bounded(limit), packed).catch(() => child.kill('SIGKILL'));
  return packed;
}

/**
 * Unpacks into an empty folder, as `user` where that is another than this process's: what somebody else packed can then
 * make no device, and nothing outside of it.
 */
export async function unpack(source: Readable, folder: string, user?: RunAs, limit = ARCHIVE_LIMIT): Promise<void> {
  const args = ['-xf', '-', '-C', folder, '--no-same-owner', '--no-same-permissions'];
  const { child, ended } = tar(args, user);
  child.stdout.resume();
  // It ends when it has read the archive's end, before the bytes that fill it up, and earlier when something is wrong: the
  // rest is read all the same, so that whoever sends it can be answered.
  const into = new Writable({
    write: (chunk: Buffer, _, done) => {
      if (child.stdin.writable) child.stdin.write(chunk, () => done());
      else done();
    },
    final: (done) => {
      child.stdin.end();
      done();
    },
  });
  try {
    // What is packed ends before its stream does, which is read to its end: whoever sends it may be answered on it.
    await pipeline(source.iterator({ destroyOnReturn: false }), createGunzip(), bounded(limit), into);
    source.resume();
    if (!source.readableEnded) await once(source, 'end');
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  await ended;
}
