import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedError } from './embedded-error.js';
import { findNatsServer, type FindNatsOptions } from './nats-binary.js';
import { findProcess } from './process-table.js';
import { NATS_RELEASE, releasePlatform, type NatsRelease } from './nats-release.js';

const platform = releasePlatform(process.platform, process.arch);
const name = `nats-server-v9.1.0-${platform}`;
const program = (version: string): string => `#!/bin/sh\necho "nats-server: v${version}"\n`;

let folder: string;
let archive: Buffer;
let release: NatsRelease;
let server: Server;
let answers: ((path: string) => { status: number; body: Buffer } | undefined) | undefined;
let asked: string[];

async function writeProgram(file: string, text: string): Promise<string> {
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, text, { mode: 0o755 });
  return file;
}

/** Only what unpacking needs is on this PATH: neither a nats-server nor apt-get of the machine is found. */
function options(more: Partial<FindNatsOptions> = {}): FindNatsOptions {
  const { port } = server.address() as AddressInfo;
  return {
    env: { PATH: join(folder, 'tools') },
    serverFolders: [],
    cacheDir: join(folder, 'cache'),
    releasesUrl: `http://127.0.0.1:${port}/releases`,
    release,
    ...more,
  };
}

async function failure(more: Partial<FindNatsOptions> = {}): Promise<EmbeddedError> {
  const error: unknown = await findNatsServer(options(more)).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EmbeddedError);
  return error as EmbeddedError;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nats-binary-'));
  await writeProgram(join(folder, name, 'nats-server'), program('9.1.0'));
  execFileSync('tar', ['-czf', join(folder, 'archive.tar.gz'), '-C', folder, name]);
  archive = await readFile(join(folder, 'archive.tar.gz'));
  release = { version: '9.1.0', sha256: { [platform]: createHash('sha256').update(archive).digest('hex') } };
  await mkdir(join(folder, 'tools'));
  for (const tool of ['tar', 'gzip']) {
    const found = execFileSync('/bin/sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim();
    await symlink(found, join(folder, 'tools', tool));
  }
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const answer = answers?.(request.url ?? '');
    if (answer) response.writeHead(answer.status).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

beforeEach(async () => {
  asked = [];
  answers = () => ({ status: 200, body: archive });
  await rm(join(folder, 'cache'), { recursive: true, force: true });
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

describe('findNatsServer', () => {
  it('downloads the pinned release once and finds it in the cache after that', async () => {
    const path = join(folder, 'cache', name);
    expect(await findNatsServer(options())).toEqual({ path, version: '9.1.0', from: 'download' });
    expect(asked).toEqual([`/releases/v9.1.0/${name}.tar.gz`]);
    expect(await findNatsServer(options())).toEqual({ path, version: '9.1.0', from: 'cache' });
    expect(asked).toHaveLength(1);
    expect(await readdir(join(folder, 'cache'))).toEqual([name]);
  });

  it('gives two starts at once a whole binary each', async () => {
    const found = await Promise.all([1, 2, 3].map(() => findNatsServer(options())));
    expect(found.map(({ version }) => version)).toEqual(['9.1.0', '9.1.0', '9.1.0']);
    expect(await readdir(join(folder, 'cache'))).toEqual([name]);
  });

  it('throws an archive with another SHA-256 away', async () => {
    answers = () => ({ status: 200, body: Buffer.concat([archive, Buffer.from('x')]) });
    const error = await failure();
    expect(error.code).toBe('nats_not_found');
    expect(error.message).toMatch(/SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}/);
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
  });

  it('lists each step that failed and how to mend it', async () => {
    answers = () => ({ status: 404, body: Buffer.from('') });
    const error = await failure();
    expect(error.steps.map(({ step }) => step)).toEqual([
      'NATS_SERVER_BIN',
      'PATH',
      'download of release 9.1.0',
      ...(process.platform === 'linux' ? ["Debian's package"] : []),
    ]);
    expect(error.message).toContain('HTTP 404');
    expect(error.remedy).toContain('NATS_SERVER_BIN=');
    expect(error.remedy).toContain('PURSER_NATS_URL');
  });

  it('does not wait for a server that never answers', async () => {
    answers = undefined;
    expect((await failure({ answerTimeoutMs: 150 })).message).toContain('no answer within 0.15 s');
  });

  it('does not download for a platform without a known SHA-256', async () => {
    const error = await failure({ release: { version: '9.1.0', sha256: { 'plan9-amd64': '00' } } });
    expect(error.message).toContain(`no SHA-256 of release 9.1.0 is known for ${platform}`);
    expect(asked).toEqual([]);
  });

  it('takes NATS_SERVER_BIN before all, and nothing else when it does not work', async () => {
    const bin = await writeProgram(join(folder, 'mine', 'server'), program('2.9.10'));
    expect(await findNatsServer(options({ env: { NATS_SERVER_BIN: bin } }))).toEqual({
      path: bin,
      version: '2.9.10',
      from: 'NATS_SERVER_BIN',
    });
    const error = await failure({ env: { NATS_SERVER_BIN: join(folder, 'missing') } });
    expect(error.message).toMatch(
      /^The nats-server that NATS_SERVER_BIN names cannot be used, and no other was looked/,
    );
    expect(error.steps).toHaveLength(1);
    expect(error.message).toContain('ENOENT');
    expect(asked).toEqual([]);
  });

  it('passes over a server on PATH that is too old, and says so', async () => {
    const old = await writeProgram(join(folder, 'old', 'nats-server'), program('2.8.4'));
    const said: string[] = [];
    const env = { PATH: `${join(folder, 'old')}:${join(folder, 'tools')}` };
    const found = await findNatsServer(options({ env, log: (line) => said.push(line) }));
    expect(found.from).toBe('download');
    expect(said.join('\n')).toContain(`${old} is version 2.8.4; the oldest supported is 2.9`);
  });

  const onLinux = process.platform === 'linux' ? it : it.skip;
  onLinux("unpacks Debian's package with package lists of its own when the machine has none", async () => {
    const tools = join(folder, 'debian');
    // Stands in for apt on a machine whose own lists are empty.
    await writeProgram(
      join(tools, 'apt-get'),
      `#!/bin/sh
case "$*" in
  *Dir::State=*update*) ;;
  *Dir::State=*download*) echo package > nats-server_2.9.10_amd64.deb ;;
  *) echo "E: Unable to locate package nats-server" >&2; exit 100 ;;
esac
`,
    );
    await writeProgram(
      join(tools, 'dpkg-deb'),
      `#!/bin/sh
mkdir -p "$3/usr/sbin" && cp "${join(folder, 'old', 'real')}" "$3/usr/sbin/nats-server"
`,
    );
    await writeProgram(join(folder, 'old', 'real'), program('2.9.10'));
    answers = () => ({ status: 503, body: Buffer.from('') });
    const found = await findNatsServer(options({ env: { PATH: `${tools}:/usr/bin:/bin` } }));
    expect(found).toEqual({
      path: join(folder, 'cache', 'nats-server-v2.9.10-debian'),
      version: '2.9.10',
      from: 'debian',
    });
    expect(await readdir(join(folder, 'cache'))).toEqual(['nats-server-v2.9.10-debian']);
  });

  it('leaves no partial file when it is called off during a download', async () => {
    const called = new AbortController();
    let sent: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (sent = resolve));
    answers = undefined;
    server.once('request', (_, response: ServerResponse) => {
      response.writeHead(200).write(archive.subarray(0, 20), () => sent());
    });
    const finding = findNatsServer(options({ signal: called.signal }));
    await begun;
    called.abort(new Error('called off'));
    await expect(finding).rejects.toThrow('called off');
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
  });

  onLinux('ends apt-get and all that it started when it is called off', async () => {
    const tools = join(folder, 'slow');
    await mkdir(tools, { recursive: true });
    execFileSync('mkfifo', [join(tools, 'started')]);
    await writeProgram(
      join(tools, 'apt-get'),
      `#!/bin/sh
echo half > nats-server.deb
sh -c 'echo $$ > ${join(tools, 'started')}; sleep 600' &
wait
`,
    );
    answers = () => ({ status: 503, body: Buffer.from('') });
    const called = new AbortController();
    const finding = findNatsServer(options({ env: { PATH: `${tools}:/usr/bin:/bin` }, signal: called.signal }));
    const child = Number(await readFile(join(tools, 'started'), 'utf8'));
    called.abort(new Error('called off'));
    await expect(finding).rejects.toThrow('called off');
    // A zombie, which whoever adopted it has not reaped yet, has no command line.
    expect((await findProcess(child))?.command ?? '').toBe('');
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
  });

  it('pins a whole SHA-256 for every platform that Purser runs on', () => {
    for (const known of ['linux-amd64', 'linux-arm64', 'darwin-amd64', 'darwin-arm64']) {
      expect(NATS_RELEASE.sha256[known]).toMatch(/^[0-9a-f]{64}$/);
    }
  });
});
