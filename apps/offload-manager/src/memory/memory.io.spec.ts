import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { memoryBounds } from './cgroup.js';

const GB = 1024 ** 3;
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'purser-cgroup-'));
});
afterEach(() => rm(root, { recursive: true }));

async function put(files: Record<string, string | number>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), `${content}\n`);
  }
}

it('reads the limits of a group and of those above it (v2), without pages of idle files', async () => {
  await put({
    'proc/self/cgroup': '0::/user.slice/purser',
    'sys/fs/cgroup/user.slice/memory.max': 8 * GB,
    'sys/fs/cgroup/user.slice/memory.current': 6 * GB,
    'sys/fs/cgroup/user.slice/purser/memory.max': 'max',
    'sys/fs/cgroup/user.slice/purser/memory.current': 1 * GB,
    'sys/fs/cgroup/user.slice/memory.stat': `anon 5\ninactive_file ${GB}`,
  });
  expect(await memoryBounds(root)).toEqual([{ limitBytes: 8 * GB, usedBytes: 5 * GB }]);
});

it('reads v1, where no limit is a very large one', async () => {
  await put({
    'proc/self/cgroup': '5:cpu,cpuacct:/\n4:memory:/docker/abc\n0::/',
    // The container sees its own group as the root of the mount.
    'sys/fs/cgroup/memory/memory.limit_in_bytes': 2 * GB,
    'sys/fs/cgroup/memory/memory.usage_in_bytes': 1.5 * GB,
    'sys/fs/cgroup/memory/memory.stat': `inactive_file 7\ntotal_inactive_file ${0.5 * GB}`,
  });
  expect(await memoryBounds(root)).toEqual([{ limitBytes: 2 * GB, usedBytes: GB }]);
  await put({ 'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712' });
  expect(await memoryBounds(root)).toEqual([]);
});

it('finds none where there are no control groups', async () => {
  expect(await memoryBounds(root)).toEqual([]);
});
