import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { splitStreams } from './log-streams.js';

const frame = (stream: number, content: string): Buffer => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(content), 4);
  return Buffer.concat([header, Buffer.from(content)]);
};
const sent = (bytes: Buffer, size: number): Readable => {
  const source = new PassThrough();
  for (let at = 0; at < bytes.length; at += size) source.write(bytes.subarray(at, at + size));
  source.end();
  return source;
};

it.each([1, 3, 7, 8, 9, 1000])('takes streams apart that come in pieces of %i bytes', async (size) => {
  const bytes = Buffer.concat([frame(1, 'one\n'), frame(2, 'wrong\n'), frame(1, ''), frame(1, 'zwei ä\n')]);
  const { stdout, stderr } = splitStreams(sent(bytes, size));
  expect(await Promise.all([text(stdout), text(stderr)])).toEqual(['one\nzwei ä\n', 'wrong\n']);
});

it('ends with what came until the connection was cut', async () => {
  const source = new PassThrough();
  source.write(frame(1, 'first\n'));
  const { stdout, stderr } = splitStreams(source);
  source.write(frame(1, 'second\n').subarray(0, 10));
  setImmediate(() => source.destroy(new Error('cut')));
  expect((await Promise.all([text(stdout), text(stderr)])).join('|')).toMatch(/^first\nse\|$/);
});

it('keeps no listeners for what was taken', async () => {
  const source = new PassThrough();
  const { stdout, stderr } = splitStreams(source);
  stderr.resume();
  const before = stdout.listenerCount('close');
  const most = 32;
  for (let sent = 0; sent < most; sent += 1) source.write(frame(1, 'x'.repeat(64 * 1024)));
  source.write(frame(2, 'last'));
  const last = once(stderr, 'data');
  stdout.resume();
  await last;
  expect(stdout.listenerCount('close')).toBeLessThan(before + most / 2);
  source.end();
});
