import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { endTrees } from './end-trees.js';
import { processTable } from './process-table.js';
import { environmentOf, namesOf, runningPrograms } from './running-programs.js';

const marks: string[] = [];

/** A shell script of its own group, marked so that its processes are found. */
async function tree(script: string, mark: string): Promise<number> {
  const child = spawn('sh', ['-c', `${script}\necho ready; wait`], {
    detached: true,
    env: { ...process.env, TREE: `${mark} ${process.pid}` },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  marks.push(mark);
  await once(child.stdout, 'data');
  return child.pid!;
}

const marked = (mark: string) =>
  processTable.list().filter(({ pid }) => environmentOf(pid)?.get('TREE') === `${mark} ${process.pid}`);
const rootOf = (pid: number) => processTable.list().filter((entry) => entry.pid === pid);

afterEach(() => {
  for (const mark of marks.splice(0)) for (const { pid } of marked(mark)) process.kill(pid, 'SIGKILL');
});

it('ends a program with what changed its group, in order', async () => {
  const pid = await tree(`setsid sleep 1000 & sleep 1000 & (sleep 1000 & wait) &`, 'obedient');
  expect(marked('obedient').length).toBeGreaterThanOrEqual(4);
  expect(await endTrees(rootOf(pid), { graceMs: 10_000 })).toEqual(['stopped']);
  expect(marked('obedient')).toEqual([]);
});

it('kills what does not heed', async () => {
  const pid = await tree(`trap '' TERM; setsid sh -c "trap '' TERM; while :; do sleep 1; done" &`, 'stubborn');
  expect(await endTrees(rootOf(pid), { graceMs: 100 })).toEqual(['killed']);
  expect(marked('stubborn')).toEqual([]);
});

it('spares what it is told to', async () => {
  const outer = await tree(`sleep 1000 & sleep 2000 &`, 'outer');
  const [kept] = marked('outer').filter(({ pid }) => pid !== outer);
  expect(await endTrees(rootOf(outer), { graceMs: 100, spare: new Set([kept!.pid]) })).toEqual(['stopped']);
  expect(marked('outer')).toMatchObject([{ pid: kept!.pid }]);
});

it('sees programs by name, and their scripts', async () => {
  const pid = await tree('sleep 1000 &', 'named');
  const found = runningPrograms().find((one) => one.pid === pid)!;
  expect(namesOf(found)[0]).toBe('sh');
  expect(namesOf({ argv: ['/usr/bin/python3.12', '-u', '/srv/train.py'] })).toEqual(['python3.12', 'train.py']);
  expect(namesOf({ argv: ['nginx: worker process'] })).toEqual(['nginx:']);
});
