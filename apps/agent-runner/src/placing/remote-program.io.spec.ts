import { constants, type ServerHttp2Stream } from 'node:http2';
import { text } from 'node:stream/consumers';
import { VM_PATHS, type VmNews } from '@purser/program-session';
import { eventually } from '@purser/testing';
import { RemoteProgram, type RemoteWorld } from './remote-program.js';
import { startVmEnd, type VmEnd } from './vm-end.fixture.js';

let end: VmEnd;
let program: RemoteProgram;
/** Open ones of the program, by the paths. */
let streams: Map<string, ServerHttp2Stream>;
let signals: string[];
let refusals: number;
const said: string[] = [];

/** Files that are asked for come when the spec lets them. */
let brought: string[];
let release: () => void;
let preempted: boolean;

const tell = (...news: VmNews[]): void => {
  for (const one of news) streams.get(VM_PATHS.news)?.write(`${JSON.stringify(one)}\n`);
};

beforeEach(async () => {
  streams = new Map();
  signals = [];
  refusals = 0;
  brought = [];
  preempted = false;
  end = await startVmEnd((stream, request) => {
    const [method, path = ''] = request.split(' ');
    if (path === VM_PATHS.signal && refusals > 0) {
      refusals -= 1;
      return stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
    stream.respond({ ':status': 200 });
    if (method === 'GET') streams.set(path, stream);
    else
      void text(stream).then((body) => {
        if (path === VM_PATHS.signal) signals.push(body);
        stream.end();
      });
  });
  const held = new Promise<void>((resolve) => (release = resolve));
  const files = {
    bring: (name: string, size: number) => {
      brought.push(`${name} ${size}`);
      return held;
    },
    bringState: () => Promise.resolve(),
    bringWorkspace: () => Promise.resolve(),
  };
  const world = {
    link: { sign: () => undefined },
    client: end.client,
    vm: { lost: new AbortController().signal },
    files,
    aliveWithinMs: undefined,
    kill: new AbortController().signal,
    preempted: () => (preempted = true),
    say: (line: string) => said.push(line),
  } as unknown as RemoteWorld;
  program = await RemoteProgram.start(world, { argv: ['true'], cwd: '.', env: {}, inside: {}, through: [] });
  await eventually(() => expect(streams.has(VM_PATHS.news)).toBe(true));
});

afterEach(async () => {
  program.close();
  await end.close();
});

it('hears of its end and of a preemption while files are on their way, and brings the last version of each', async () => {
  for (let size = 1; size <= 100; size += 1) tell({ kind: 'file', name: 'checkpoint.json', size });
  tell({ kind: 'file', name: 'handoff.md', size: 7 }, { kind: 'preempted' });
  await eventually(() => expect(preempted).toBe(true));
  expect(brought).toEqual(['checkpoint.json 1']);
  release();
  await eventually(() => expect(brought).toHaveLength(3));
  expect(brought).toEqual(['checkpoint.json 1', 'checkpoint.json 100', 'handoff.md 7']);
  tell({ kind: 'end', code: 3 });
  streams.get(VM_PATHS.news)?.end();
  expect(await program.ended).toEqual({ kind: 'exited', code: 3, signal: null });
});

it('sends SIGTERM until it is taken', async () => {
  refusals = 2;
  program.terminate();
  await eventually(() => expect(signals).toEqual(['TERM']));
  expect(said.filter((line) => line.includes('SIGTERM'))).toHaveLength(1);
});
