import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createExecutor, TestSession, until } from './session.fixture.js';

/*
 * Without another user for programs, a program that is confined otherwise (a container) could have the runner reach for
 * it what it cannot reach itself: by links in its state folder.
 */

const SECRET = 'what the program cannot read';
let session: TestSession;
let outside: string;

beforeEach(() => {
  session = new TestSession({});
  outside = join(session.root, 'outside');
  mkdirSync(join(outside, 'artifacts'), { recursive: true });
  for (const name of ['checkpoint.json', 'handoff.md', 'result.json', 'progress.json', 'artifacts/secret'])
    writeFileSync(join(outside, name), JSON.stringify({ note: SECRET }));
  writeFileSync(join(outside, 'signals.jsonl'), '');
});
afterEach(() => {
  session.killing.abort('the test is over');
  session.remove();
});

const start = (script: string) => {
  session.input.argv = ['sh', '-c', script];
  return createExecutor({ user: undefined }).run(session);
};
const kept = (result: unknown) =>
  JSON.stringify([result, session.checkpoints, session.handoffs, session.reported, [...session.artifacts]]);
/** What this process has open below the session's folder. */
const opened = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(session.root);
    } catch {
      return false;
    }
  });

it('keeps what lies in the folder of artifacts, and has nothing open afterwards', async () => {
  await start('mkdir "$PURSER_STATE_DIR/artifacts"; echo mine > "$PURSER_STATE_DIR/artifacts/a.txt"');
  expect([...session.artifacts]).toEqual([['a.txt', 'mine\n']]);
  expect(opened()).toEqual([]);
});

it('keeps nothing through a link in the place of the folder of artifacts, and says so', async () => {
  const result = await start(`ln -s '${outside}/artifacts' "$PURSER_STATE_DIR/artifacts"`);
  expect(kept(result)).not.toContain(SECRET);
  expect(session.artifacts.size).toBe(0);
  expect(session.text('purser').join()).toContain('artifacts is no folder');
});

it('neither takes nor keeps anything through a link in the place of the state folder', async () => {
  const result = await start(`cd "$PURSER_STATE_DIR/.."; mv state aside; ln -s '${outside}' state`);
  expect(result).toMatchObject({ kind: 'completed' });
  expect(kept(result)).not.toContain(SECRET);
});

it('writes no signal through it either, and the file of before gets it', async () => {
  const script = `cd "$PURSER_STATE_DIR/.."; mv state aside; ln -s '${outside}' state; touch "$HOME/moved"
    until grep -q go aside/signals.jsonl; do sleep 0.02; done`;
  const ended = start(script);
  await until('the link is laid', () => readdirSync(session.workspace).includes('moved'));
  await session.listener?.({ number: 1, name: 'go', payload: null, at: '2026-11-29T00:00:00Z' });
  expect(await ended).toMatchObject({ kind: 'completed' });
  expect(readFileSync(join(outside, 'signals.jsonl'), 'utf8')).toBe('');
});
