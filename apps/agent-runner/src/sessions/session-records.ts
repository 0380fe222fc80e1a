import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ArtifactName, isPurserError, PurserError } from '@purser/contracts';
import type { Clock } from '@purser/service';
import type { StoredCheckpoint } from '../records/checkpoints.repository.js';
import type { LogWriter } from '../records/log-writer.js';
import type { Attempt } from '../records/states.service.js';
import { MEMORY_LIMIT_BYTES } from '../records/stored-state.js';
import { persist } from './persistence.js';
import type { RecordStores } from './session-records.service.js';
import type { Session } from './session.js';

export const HANDOFF_LIMIT_BYTES = 1024 * 1024;
const WRITE_MS = 8_000;
/** The artifact that the last handoff document is. */
const HANDOFF_ARTIFACT = 'handoff.md';

type Source = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** All that one session writes, in order, fenced, and not after its lease. */
export class SessionRecords {
  /** The last checkpoint: this session's, or else the one it went on from. */
  last: StoredCheckpoint | undefined;
  wroteHandoff = false;
  /** The document of this session. */
  written: string | undefined;
  /** Of the workspace, when it is a git repository: what checkpoints belong to. */
  commit: string | null = null;
  private writing: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly session: Session,
    private readonly stores: RecordStores,
    private readonly clock: Clock,
    readonly log: LogWriter,
    readonly resumed: StoredCheckpoint | undefined,
    private readonly resumedOf: string,
    readonly handoff: string | undefined,
  ) {
    this.last = resumed;
  }

  /** What it goes on from as a file in this folder, when it is too large to be given as bytes. */
  async layState(folder: string): Promise<string | undefined> {
    const { resumed } = this;
    if (!resumed || resumed.bytes !== null) return undefined;
    const path = join(folder, 'resumed-state');
    const bytes = this.stores.read.read(this.resumedOf, resumed);
    await pipeline(bytes, createWriteStream(path, { mode: 0o600, flags: 'wx' }), { signal: this.session.kill });
    return path;
  }

  /** The last checkpoint's bytes; undefined when there is none. */
  async lastState(): Promise<Uint8Array | undefined> {
    const { last } = this;
    if (!last) return undefined;
    const of = last === this.resumed ? this.resumedOf : this.session.assignment.taskId;
    const { bytes } = await this.stores.read.withBytes(of, last);
    if (bytes !== null) return bytes;
    throw new PurserError('payload_too_large', {
      message: `the checkpoint is larger than ${MEMORY_LIMIT_BYTES} bytes; read it as a file, $PURSER_STATE_DIR/checkpoint.json`,
      details: { limit: MEMORY_LIMIT_BYTES },
    });
  }

  saveCheckpoint(state: Uint8Array): Promise<void> {
    if (state.length > MEMORY_LIMIT_BYTES) {
      return Promise.reject(
        new PurserError('payload_too_large', {
          message: `a checkpoint of ${state.length} bytes; above ${MEMORY_LIMIT_BYTES} it is to be given as a stream`,
          details: { limit: MEMORY_LIMIT_BYTES, bytes: state.length },
        }),
      );
    }
    return this.streamCheckpoint([Uint8Array.from(state)]);
  }

  streamCheckpoint(source: Source): Promise<void> {
    return this.inOrder(async () => {
      const { writer } = this.session;
      const state = await this.stores.states.put(writer, source, this.write);
      const own = this.session.checkpoint;
      if (own?.digest === state.digest) return this.stores.states.discard(writer, state);
      const number = (own?.number ?? 0) + 1;
      const checkpoint = { ...state, number, commit: this.commit, at: this.clock.now() };
      await this.write(() => this.stores.checkpoints.save(writer, checkpoint));
      this.session.checkpoint = { number, digest: state.digest };
      this.session.measuring.checkpointed(state.digest);
      this.last = { epoch: writer.epoch, ...checkpoint };
    });
  }

  saveHandoff(markdown: string): Promise<void> {
    const bytes = Buffer.byteLength(markdown);
    if (bytes > HANDOFF_LIMIT_BYTES) {
      throw new PurserError('payload_too_large', {
        message: `a handoff document of ${bytes} bytes is above the limit of ${HANDOFF_LIMIT_BYTES}; keep big things in the workspace and name them`,
        details: { limit: HANDOFF_LIMIT_BYTES, bytes },
      });
    }
    return this.inOrder(async () => {
      const text = markdown.replaceAll('\0', '\uFFFD');
      await this.write(() => this.stores.handoffs.save(this.session.writer, text, this.clock.now()));
      this.wroteHandoff = true;
      this.written = text;
    });
  }

  /** The document that stands at the end, for people: an artifact and a fact. */
  announceHandoff(reason: string, by: 'program' | 'purser'): Promise<void> {
    const text = this.written;
    if (text === undefined) return Promise.resolve();
    return this.inOrder(async () => {
      const { writer } = this.session;
      const artifact = { name: HANDOFF_ARTIFACT, kind: 'handoff' as const, at: this.clock.now() };
      await this.stores.artifacts.keep(writer, artifact, [Buffer.from(text)], this.write);
      await this.write(() => this.stores.news.handedOff(writer, reason, by));
    });
  }

  saveArtifact(name: string, source: Source): Promise<void> {
    const checked = ArtifactName.safeParse(name);
    if (!checked.success) {
      return Promise.reject(
        new PurserError('invalid_request', { message: `an artifact needs a file name of letters, digits, . _ -` }),
      );
    }
    const artifact = { name, kind: 'file' as const, at: this.clock.now() };
    return this.inOrder(() => this.stores.artifacts.keep(this.session.writer, artifact, source, this.write));
  }

  /** Something that is elsewhere. */
  linkArtifact(kind: 'commit' | 'pull_request', name: string, link: string): Promise<void> {
    const artifact = { name, kind, link, at: this.clock.now() };
    return this.inOrder(() => this.stores.artifacts.link(this.session.writer, artifact, this.write));
  }

  /** One fenced statement, tried while it makes sense. */
  readonly write: Attempt = async (statement) => {
    const deadline = this.clock.monotonic() + WRITE_MS;
    try {
      await persist(
        async () => {
          this.session.assertMayWrite();
          await statement();
        },
        { mayGoOn: () => this.clock.monotonic() < deadline },
      );
    } catch (error) {
      if (isPurserError(error) && error.code === 'stale_epoch') this.session.refused();
      throw error;
    }
  };

  private inOrder(work: () => Promise<void>): Promise<void> {
    const done = this.writing.then(work);
    this.writing = done.catch(() => undefined);
    return done;
  }
}
