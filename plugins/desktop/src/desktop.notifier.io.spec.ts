import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Notice } from '@purser/plugin-sdk';
import { eventually } from '@purser/testing';

/** In a process of its own: programs inherit the environment of the process, of which specs have but a copy. */
const PROGRAM = `
  import plugin from '@purser/desktop';
  const { notice, config, ms } = JSON.parse(process.argv[1]);
  const notifier = plugin.capabilities.notifier({}, plugin.config.parse(config));
  await notifier.send({ ...notice, at: new Date(notice.at) }, { signal: AbortSignal.timeout(ms) })
    .catch((error) => console.log(error.message));`;

let folder: string;

/** A program in the place of `notify-send`, which keeps what it is given. */
async function standIn(more = ''): Promise<void> {
  const file = join(folder, 'notify-send');
  await writeFile(file, `#!/bin/sh\nfor one in "$@"; do printf '%s\\037' "$one"; done >> "${folder}/seen"\n${more}\n`);
  await chmod(file, 0o755);
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-desktop-'));
});

afterEach(() => rm(folder, { recursive: true }));

const seen = async () => (await readFile(join(folder, 'seen'), 'utf8')).split('\x1f').slice(0, -1);

/** Gives back what went wrong. */
async function send(
  more: Partial<Notice> = {},
  config: object = {},
  { path = process.env.PATH, ms = 10_000 } = {},
): Promise<string> {
  const notice: Notice = {
    id: 'n-1',
    fingerprint: 'spike',
    state: 'firing',
    severity: 'critical',
    kind: 'spike',
    title: 'Spending spike: $25.00',
    text: 'Spending spike: $25.00',
    details: {},
    at: new Date('2026-11-23T10:00:00Z'),
    ...more,
  };
  const args = ['--input-type=module', '-e', PROGRAM, JSON.stringify({ notice, config, ms })];
  const env = { ...process.env, HOME: folder, PATH: `${folder}${delimiter}${path}` };
  return (await promisify(execFile)(process.execPath, args, { env, timeout: 30_000 })).stdout;
}

it('shows what fires, critical alerts until somebody closes them', async () => {
  await standIn();
  expect(await send()).toBe('');
  const shown = await seen();
  expect(shown.slice(0, 2)).toEqual(['Purser: critical', 'Spending spike: $25.00']);
  expect(shown.slice(2)).toEqual(['--urgency', 'critical', '--app-name', 'Purser', '--expire-time', '0']);
});

it('shows what is over, for a while', async () => {
  await standIn();
  await send({ state: 'resolved', text: 'It was mended.\nBy ada.' }, { showSeconds: 7 });
  const shown = await seen();
  // notify-send reads the escape.
  expect(shown.slice(0, 2)).toEqual(['Purser: resolved', 'Spending spike: $25.00\\nIt was mended.\\nBy ada.']);
  expect(shown).toEqual(expect.arrayContaining(['--urgency', 'low', '--expire-time', '7000']));
});

it('gives nothing of what others wrote to a shell or to markup', async () => {
  await standIn();
  const title = `$(touch ${folder}/bad) \`touch ${folder}/bad\` "; touch ${folder}/bad; " 'x' \\ <b>bold</b> & $HOME`;
  expect(await send({ title, text: title })).toBe('');
  expect((await seen())[1]).toBe(title.replaceAll('&', '&amp;').replaceAll('<', '&lt;'));
  await expect(readFile(join(folder, 'bad'))).rejects.toThrow('ENOENT');
});

it('says what is wrong', async () => {
  await standIn('echo "cannot open display" >&2; exit 1');
  expect(await send()).toMatch(/^the desktop took no notice: .*cannot open display/);
  await rm(join(folder, 'notify-send'));
  expect(await send({}, {}, { path: '/nowhere' })).toMatch(/^notify-send is not installed on this machine/);
});

it('ends a program that does not come to an end, with its signal', async () => {
  await standIn(`echo $$ > "${folder}/pid"; exec sleep 1000`);
  // This process ends when nothing is left for it to wait for.
  expect(await send({}, {}, { ms: 1_000 })).toMatch(/aborted due to timeout/);
  const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
  await eventually(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'));
});
