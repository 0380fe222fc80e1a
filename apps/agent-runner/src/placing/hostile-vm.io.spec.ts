import { createServer, type ServerHttp2Stream } from 'node:http2';
import { mkdtemp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import type { SessionLink } from '@purser/bus';
import { VM_PATHS } from '@purser/program-session';
import { eventually } from '@purser/testing';
import { MirroredFiles } from './mirrored-files.js';
import { RemoteProgram } from './remote-program.js';
import type { SessionVm } from './session-vm.js';
import { VmClient } from './vm-client.js';

const CONTENT = '{"written":"by the VM"}';

let root: string;
let client: VmClient;
let said: string[];
let stop: () => void;

/** What speaks for the agent of a VM may be the program. */
async function tellingOf(names: readonly string[]): Promise<RemoteProgram> {
  const sessionDir = join(root, 'a', 'session');
  await mkdir(join(sessionDir, 'state'), { recursive: true });
  const server = createServer();
  const [here, there] = duplexPair();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    const path = String(headers[':path']);
    stream.respond({ ':status': 200 });
    if (path === VM_PATHS.news)
      for (const name of names) stream.write(`${JSON.stringify({ kind: 'file', name, size: CONTENT.length })}\n`);
    else stream.end(path.startsWith(VM_PATHS.state) ? CONTENT : '');
  });
  server.emit('connection', there);
  client = new VmClient(here);
  stop = () => {
    client.close();
    there.destroy();
  };
  said = [];
  return RemoteProgram.start(
    {
      link: { sign: () => undefined } as unknown as SessionLink,
      client,
      vm: { lost: new AbortController().signal } as unknown as SessionVm,
      files: new MirroredFiles(client, { workspace: join(root, 'workspace'), sessionDir, user: undefined }),
      aliveWithinMs: undefined,
      kill: new AbortController().signal,
      preempted: () => undefined,
      say: (line) => said.push(line),
    },
    { argv: ['true'], cwd: '.', env: {}, inside: {}, through: [] },
  );
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'purser-hostile-'));
});

afterEach(async () => {
  stop();
  await rm(root, { recursive: true, force: true });
});

it('takes the files that a program may leave at any time', async () => {
  const program = await tellingOf(['checkpoint.json']);
  const left = join(root, 'a', 'session', 'state', 'checkpoint.json');
  await eventually(async () => expect(await readFile(left, 'utf8')).toBe(CONTENT));
  program.close();
});

it.each(['../../owned', '../input.json', 'result.json'])(
  'lets a VM put nothing at %s, and counts it as lost',
  async (name) => {
    const program = await tellingOf([name]);
    expect(await program.ended).toMatchObject({ kind: 'guard_lost' });
    program.close();
    expect((await readdir(root, { recursive: true })).sort()).toEqual(['a', 'a/session', 'a/session/state']);
    expect(said.join()).toContain('cannot be followed');
  },
);
