import { createReadStream } from 'node:fs';
import { appendFile, mkdir, stat } from 'node:fs/promises';
import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import {
  LINK_MEMORY_MB,
  LINK_WINDOW_BYTES,
  pack,
  PROBLEM,
  StartOrder,
  unpack,
  VM_PATHS,
  VM_SESSION,
  VM_STATE,
  VM_WORKSPACE,
  type VmNews,
} from '@purser/program-session';
import { memoryBesideMb } from '../health.js';
import { Doors } from './doors.js';
import { LeftFiles } from './left-files.js';
import type { VmProgram } from './program.js';

const LOOK_MS = 250;
/** Every so many looks. */
const MEMORY_EVERY = 8;

type Answer = (stream: ServerHttp2Stream, url: URL) => Promise<void> | void;

/** What a runner may ask of its session's VM. */
export class SessionServer {
  private readonly server: Http2Server;
  private readonly doors = new Doors();
  private readonly left: LeftFiles;
  private readonly over = new AbortController();
  private isPreempted = false;
  private readonly answers: Readonly<Record<string, Answer>> = {
    [`PUT ${VM_PATHS.files}`]: (stream, url) => this.take(stream, url.searchParams.get('folder')),
    [`GET ${VM_PATHS.files}`]: (stream, url) => this.give(stream, url.searchParams.get('folder')),
    [`POST ${VM_PATHS.start}`]: (stream) => this.start(stream),
    [`GET ${VM_PATHS.stdout}`]: (stream) => this.print(stream, this.program.stdout),
    [`GET ${VM_PATHS.stderr}`]: (stream) => this.print(stream, this.program.stderr),
    [`GET ${VM_PATHS.news}`]: (stream) => this.tell(stream),
    [`GET ${VM_PATHS.state}`]: (stream, url) => this.show(stream, url.searchParams.get('name') ?? ''),
    [`POST ${VM_PATHS.signals}`]: (stream) => this.addSignals(stream),
    [`POST ${VM_PATHS.signal}`]: (stream) => this.signal(stream),
    [`POST ${VM_PATHS.connection}`]: (stream) => this.doors.offer(stream),
  };

  constructor(
    private readonly folder: string,
    private readonly program: VmProgram,
    private readonly say: (message: string, fields?: object) => void,
  ) {
    this.left = new LeftFiles(this.state);
    this.server = createServer({
      maxSessionMemory: LINK_MEMORY_MB,
      settings: { initialWindowSize: LINK_WINDOW_BYTES },
    });
    this.server.on('session', (session) => {
      session.setLocalWindowSize(16 * LINK_WINDOW_BYTES);
      session.on('error', (error: Error) => say('the link to the runner', { error: error.message }));
    });
    this.server.on('stream', (stream, headers) => void this.answer(stream, headers));
  }

  serve(link: Duplex): void {
    this.server.emit('connection', link);
  }

  preempted(): void {
    this.isPreempted = true;
  }

  close(): void {
    this.over.abort();
    this.doors.close();
  }

  private get state(): string {
    return join(this.folder, VM_STATE);
  }

  private async answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    stream.on('error', () => stream.destroy());
    const url = new URL(String(headers[':path']), 'http://vm');
    try {
      const answer = this.answers[`${String(headers[':method'])} ${url.pathname}`];
      if (!answer) throw new Error(`there is no ${url.pathname}`);
      await answer(stream, url);
    } catch (error) {
      const { message } = error as Error;
      this.say('a request of the runner', { path: url.pathname, error: message });
      if (stream.headersSent || stream.destroyed) return void stream.destroy();
      stream.respond({ ':status': 500 });
      stream.end(message);
    }
  }

  private async take(stream: ServerHttp2Stream, folder: string | null): Promise<void> {
    if (folder !== VM_SESSION && folder !== VM_WORKSPACE) throw new Error(`nothing is unpacked into ${folder}`);
    await mkdir(join(this.folder, folder), { mode: 0o700 });
    await unpack(stream, join(this.folder, folder));
    done(stream);
  }

  private give(stream: ServerHttp2Stream, folder: string | null): void {
    if (folder !== VM_STATE && folder !== VM_WORKSPACE) throw new Error(`nothing of ${folder} is given away`);
    const packed = pack(join(this.folder, folder), ['.']);
    let problem: string | undefined;
    stream.on('wantTrailers', () =>
      stream.sendTrailers(problem === undefined ? {} : { [PROBLEM]: Buffer.from(problem).toString('base64url') }),
    );
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    packed.on('error', ({ message }) => {
      problem = message;
      this.say('files that the runner asked for', { folder, error: message });
      stream.end();
    });
    stream.on('close', () => packed.destroy());
    packed.pipe(stream);
  }

  private async start(stream: ServerHttp2Stream): Promise<void> {
    const order = StartOrder.parse(JSON.parse(await text(stream)));
    const env: Record<string, string> = { ...order.env };
    for (const [name, place] of Object.entries(order.inside)) env[name] = join(this.folder, place);
    for (const name of order.through) env[name] = await this.doors.through(order.env[name] ?? '');
    // As it was laid out, nothing of it is news.
    await this.left.changed();
    await this.program.start(order, env);
    done(stream);
  }

  private async print(stream: ServerHttp2Stream, source: NodeJS.ReadableStream): Promise<void> {
    stream.respond({ ':status': 200 });
    await pipeline(source, stream);
  }

  private async show(stream: ServerHttp2Stream, name: string): Promise<void> {
    const path = join(this.state, name);
    if (name.includes('/') || !(await stat(path)).isFile()) throw new Error(`${name} is no file of the program's`);
    const source = createReadStream(path);
    stream.respond({ ':status': 200 });
    await pipeline(source, stream);
  }

  private async addSignals(stream: ServerHttp2Stream): Promise<void> {
    await appendFile(join(this.state, 'signals.jsonl'), await text(stream));
    done(stream);
  }

  private async signal(stream: ServerHttp2Stream): Promise<void> {
    await this.program.signal((await text(stream)) === 'KILL' ? 'KILL' : 'TERM');
    done(stream);
  }

  /** Until the program has ended. */
  private async tell(stream: ServerHttp2Stream): Promise<void> {
    stream.respond({ ':status': 200 });
    const write = (news: VmNews): boolean => stream.write(`${JSON.stringify(news)}\n`);
    const gone = new AbortController();
    stream.on('close', () => gone.abort());
    const stop = AbortSignal.any([this.over.signal, gone.signal]);
    let code: number | undefined;
    const ended = this.program.ended(stop).then((found) => (code = found));
    ended.catch(() => undefined);
    let toldPreempted = false;
    for (let look = 0; code === undefined; look += 1) {
      if (look % MEMORY_EVERY === 0) {
        const mb = await memoryBesideMb();
        if (mb !== null) write({ kind: 'memory', mb });
      }
      if (this.isPreempted && !toldPreempted) {
        write({ kind: 'preempted' });
        toldPreempted = true;
      }
      for (const file of await this.left.changed()) write({ kind: 'file', ...file });
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, LOOK_MS))]);
    }
    await this.program.release();
    for (const file of await this.left.changed()) write({ kind: 'file', ...file });
    write({ kind: 'end', code });
    stream.end();
  }
}

function done(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 204 });
  stream.end();
}
