import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, chmod, lstat, mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { pack, unpack } from './archive.js';

let from: string;
let to: string;

beforeEach(async () => {
  from = await mkdtemp(join(tmpdir(), 'purser-pack-'));
  to = await mkdtemp(join(tmpdir(), 'purser-unpack-'));
});

afterEach(async () => {
  for (const folder of [from, to]) await rm(folder, { recursive: true, force: true });
});

it('brings files, modes and links over', async () => {
  await mkdir(join(from, 'all', 'deep'), { recursive: true });
  await writeFile(join(from, 'all', 'deep', 'run.sh'), 'echo');
  await chmod(join(from, 'all', 'deep', 'run.sh'), 0o755);
  await symlink('/etc/passwd', join(from, 'all', 'link'));
  await writeFile(join(from, 'not'), 'x');
  await unpack(pack(from, ['all']), to);
  expect(await readFile(join(to, 'all', 'deep', 'run.sh'), 'utf8')).toBe('echo');
  expect((await lstat(join(to, 'all', 'deep', 'run.sh'))).mode & 0o111).toBe(0o111);
  expect(await readlink(join(to, 'all', 'link'))).toBe('/etc/passwd');
  await expect(lstat(join(to, 'not'))).rejects.toThrow('ENOENT');
});

it('says what could not be packed or unpacked, and takes no more than the limit', async () => {
  await writeFile(join(from, 'large'), Buffer.alloc(300_000));
  await expect(unpack(pack(from, ['large'], 200_000), to)).rejects.toThrow('more than 200000 bytes');
  await expect(unpack(pack(from, ['large']), to, undefined, 200_000)).rejects.toThrow('more than 200000 bytes');
  await expect(unpack(pack(from, ['absent']), to)).rejects.toThrow('absent');
  await expect(unpack(Readable.from([gzipSync(Buffer.alloc(2_000, 1))]), to)).rejects.toThrow('tar ended with');
});

it('takes a file that is written to meanwhile as it was', async () => {
  await writeFile(join(from, 'written'), randomBytes(8_000_000));
  const packed = pack(from, ['written']);
  // It has begun, and goes on only when somebody reads.
  await once(packed, 'readable');
  await appendFile(join(from, 'written'), 'more');
  await unpack(packed, to);
  expect((await lstat(join(to, 'written'))).size).toBe(8_000_000);
});
