import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Artifact, PurserError, sessionsArtifacts, sessionsCheckpoint, sessionsHandoff } from '@purser/contracts';
import type { Command } from 'commander';
import { fields, table } from '../output/table.js';
import { moment } from '../output/words.js';
import type { Terminal } from '../terminal.js';
import type { CommandSet, Invocation } from './command.js';
import { wholeNumber } from './command.js';

/** What the sessions of a task left: checkpoint, handoff, artifacts. */
export function addTaskRecordCommands(task: Command, commands: CommandSet): void {
  commands
    .leaf<{ out?: string }>(
      task,
      'checkpoint <id>',
      'the state that the next session goes on from',
      ['purser task checkpoint nightly', 'purser task checkpoint nightly --out state.json'],
      async (invocation, [id = '']) => {
        const { api, print, options } = invocation;
        const { reply, json } = await api().ask(sessionsCheckpoint, { id });
        if (options.out !== undefined) {
          await save(invocation, `/v1/tasks/${encodeURIComponent(id)}/checkpoint/content`, options.out);
          return;
        }
        const { epoch, number, digest, size, commit, at, inline, state } = reply;
        print(json, () =>
          fields([
            ['checkpoint', `${number} of epoch ${epoch}`],
            ['saved', moment(at)],
            ['size', `${size} bytes`],
            ['digest', digest],
            ['commit', commit],
            ['state', inline ? JSON.stringify(state, null, 2) : 'too large to be shown; --out writes it to a file'],
          ]),
        );
      },
    )
    .option('--out <file>', 'write its bytes there, and check them');

  commands
    .leaf<{ epoch?: number }>(
      task,
      'handoff <id>',
      'the document that its last session left for the next one',
      ['purser task handoff nightly', 'purser task handoff nightly --epoch 3'],
      async ({ api, print, options: { epoch } }, [id = '']) => {
        const { reply, json } = await api().ask(sessionsHandoff, { id, ...(epoch !== undefined && { epoch }) });
        print(json, () => (reply.markdown.endsWith('\n') ? reply.markdown : `${reply.markdown}\n`));
      },
    )
    .option('--epoch <n>', 'that of an earlier session', wholeNumber);

  commands
    .leaf<{ get?: string; out?: string }>(
      task,
      'artifacts <id>',
      'what it left: files, the handoff, commits, a pull request',
      ['purser task artifacts nightly', 'purser task artifacts nightly --get report.html --out report.html'],
      async (invocation, [id = '']) => {
        const { api, print, terminal, options } = invocation;
        if (options.get !== undefined) {
          const path = `/v1/tasks/${encodeURIComponent(id)}/artifacts/${encodeURIComponent(options.get)}`;
          await save(invocation, path, options.out ?? options.get);
          return;
        }
        if (options.out !== undefined)
          throw new PurserError('invalid_request', { message: '--out needs --get with the name of an artifact.' });
        const { reply, json } = await api().ask(sessionsArtifacts, { id });
        print(json, () =>
          reply.artifacts.length === 0 ? 'No artifacts.\n' : artifactTable(reply.artifacts, terminal),
        );
      },
    )
    .option('--get <name>', 'fetch one of them')
    .option('--out <file>', 'where to (default: its name, here)');
}

function artifactTable(artifacts: Artifact[], terminal: Pick<Terminal, 'style'>): string {
  return table(
    artifacts,
    [
      { head: 'NAME', cell: ({ name }) => name },
      { head: 'KIND', cell: ({ kind }) => kind },
      { head: '#', cell: ({ epoch }) => String(epoch), right: true },
      { head: 'BYTES', cell: ({ size, link }) => (link === null ? String(size) : ''), right: true },
      { head: 'WHEN', cell: ({ at }) => moment(at) ?? '' },
      { head: 'WHERE', cell: ({ link }) => link ?? '' },
    ],
    (head) => terminal.style('dim', head),
  );
}

/** Under another name first: what has the name that was asked for is whole. */
async function save({ api, print, terminal }: Invocation, path: string, out: string): Promise<void> {
  const file = resolve(terminal.cwd, out);
  const partial = `${file}.${process.pid}.part`;
  try {
    const { bytes, size, digest } = await api().download(path);
    await pipeline(bytes, createWriteStream(partial, { flags: 'wx' }));
    await rename(partial, file);
    print({ file, size, digest }, () => `${file}: ${size} bytes, ${digest}\n`);
  } catch (error) {
    await rm(partial, { force: true });
    if (error instanceof PurserError) throw error;
    throw new PurserError('unavailable', {
      message: `${file} was not written: ${(error as Error).message}`,
      cause: error,
    });
  }
}
