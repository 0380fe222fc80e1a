// A scout: reads a repository for links in its Markdown files that lead nowhere, and submits a task for each, to be
// worked off by fixer.mjs. It needs no model, and can be stopped at any moment.
//   purser task submit --file scout.json      (see docs/guides/workspaces.md)
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const { PURSER_STATE_DIR: dir, PURSER_RESUME, PURSER_API_URL } = process.env;
// The session's own key: what it submits is a child of its task.
const key = process.env.OPENAI_API_KEY;
const [fixer, api = PURSER_API_URL] = process.argv.slice(2);
if (!fixer || !api) throw new Error('usage: node scout.mjs <path of fixer.mjs> [<address of the control API>]');

const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).trim();

/** Another file first, renamed when it is whole: Purser never sees half a checkpoint. */
function save(name, value) {
  writeFileSync(`${dir}/${name}.new`, JSON.stringify(value));
  renameSync(`${dir}/${name}.new`, `${dir}/${name}`);
}

let wrapUp = false;
process.on('SIGTERM', () => (wrapUp = true));

/** Links to files of the repository that are not there. */
function deadLinks(file) {
  const links = [...readFileSync(file, 'utf8').matchAll(/\]\(([^)\s#:]+)(?:#[^)\s]*)?\)/g)].map(([, link]) => link);
  return [...new Set(links)].filter((link) => {
    const target = link.startsWith('/') ? link.slice(1) : normalize(join(dirname(file), link));
    return !existsSync(target);
  });
}

async function submit(file, link) {
  const repository = git('remote', 'get-url', 'origin');
  // The same finding is the same task, however often a scout comes by.
  const id = `fix-${createHash('sha256').update(`${repository} ${file} ${link}`).digest('hex').slice(0, 16)}`;
  const response = await fetch(`${api}/v1/tasks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      id,
      executor: 'command',
      input: { argv: ['node', fixer, file, link] },
      labels: ['dead-link'],
      retries: 2,
      workspace: { repository, pullRequest: true },
    }),
  });
  const { error } = await response.json();
  if (response.ok || error?.code === 'conflict') return id;
  throw new Error(`the task was not taken: ${response.status} ${error?.message}`);
}

const state =
  PURSER_RESUME === '1' ? JSON.parse(readFileSync(`${dir}/checkpoint.json`, 'utf8')) : { read: [], tasks: [] };
const files = git('ls-files', '-z', '--', '*.md').split('\0').filter(Boolean);
for (const file of files.filter((name) => !state.read.includes(name))) {
  if (wrapUp) process.exit(75); // a fresh session goes on from the checkpoint
  for (const link of deadLinks(file)) {
    const id = await submit(file, link);
    console.log(`${file}: ${link} leads nowhere: task ${id}`);
    if (!state.tasks.includes(id)) state.tasks.push(id);
  }
  state.read.push(file);
  save('checkpoint.json', state);
  save('progress.json', { done: state.read.length, total: files.length });
}
save('result.json', { files: files.length, tasks: state.tasks });
