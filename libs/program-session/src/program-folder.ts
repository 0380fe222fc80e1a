import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { OpenFolder, type RunAs } from '@purser/guard';

const PIECE_BYTES = 256 * 1024;
const PLAIN = constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** What is not there, or is no folder or file but a link. */
const ABSENT = ['ENOENT', 'ENOTDIR', 'ELOOP'];

export interface FileVersion {
  /** Changes with every version that is renamed or written to this name. */
  version: string;
  size: number;
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (ABSENT.includes(error.code ?? '')) return undefined;
  throw error;
}

/**
 * A folder that a program may do anything with, and its files by their names. It is open from before the program
 * started: a container sees none of the runner's files, and would have them read, or written to, by a link in the place
 * of a file or of the folder.
 */
export class ProgramFolder {
  private readonly folder: OpenFolder;
  private readonly owner: RunAs | undefined;
  private uses = 0;
  private over = false;

  constructor(folder: OpenFolder, owner: RunAs | undefined) {
    this.folder = folder;
    this.owner = owner;
  }

  /** One in this one; undefined when there is none, or a link. It is the caller's to close. */
  enter(name: string): Promise<ProgramFolder | undefined> {
    return this.use(async () => {
      const inner = await this.folder.enter(name).catch(absent);
      return inner && new ProgramFolder(inner, this.owner);
    });
  }

  /** For a watch: nothing is read by it. */
  get path(): string {
    return this.folder.at('.');
  }

  names(): Promise<string[]> {
    return this.use(() => readdir(this.folder.at('.')));
  }

  /** Whether anything is there, such as a link. */
  lies(name: string): Promise<boolean> {
    const found = this.use(() => lstat(this.folder.at(name)));
    return found.then(
      () => true,
      () => false,
    );
  }

  async stat(name: string): Promise<FileVersion | undefined> {
    const found = await this.use(() => lstat(this.folder.at(name), { bigint: true })).catch(() => undefined);
    if (!found?.isFile()) return undefined;
    return { version: `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`, size: Number(found.size) };
  }

  /**
   * The bytes of a regular file that is the program's own. A link in its place, or a file of another user, is not
   * followed: the runner may be root and must not read for the program what that may not read itself.
   */
  async read(name: string, limit: number): Promise<Buffer | undefined> {
    const opened = await this.open(name, limit);
    if (!opened) return undefined;
    const { file, size } = opened;
    try {
      const buffer = Buffer.alloc(size);
      const { bytesRead } = await file.read(buffer, 0, size, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  /** The same in pieces, for what is too large to be held; fails when it is not such a file, or changes meanwhile. */
  async *stream(name: string, limit: number): AsyncGenerator<Uint8Array> {
    const opened = await this.open(name, limit);
    if (!opened) throw new Error(`no plain file of the program's of at most ${limit} bytes`);
    const { file, size } = opened;
    try {
      for (let at = 0; at < size;) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(PIECE_BYTES, size - at)), 0, null, at);
        if (bytesRead === 0) break;
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
      if ((await file.stat()).size !== size) throw new Error('it changed while it was read');
    } finally {
      await file.close();
    }
  }

  /** Only to a plain file of the program's own that has no other name. */
  async append(name: string, text: string): Promise<void> {
    const flags = constants.O_WRONLY | constants.O_APPEND | PLAIN;
    const file = await this.use(() => open(this.folder.at(name), flags));
    try {
      const found = await file.stat();
      if (!found.isFile() || found.nlink !== 1 || this.isForeign(found.uid))
        throw new Error('it is no plain file of the program any more');
      await file.appendFile(text);
    } finally {
      await file.close();
    }
  }

  /** What is begun is finished with it; what comes later is refused, since its descriptor may be another folder's by then. */
  async close(): Promise<void> {
    if (this.over) return;
    this.over = true;
    if (this.uses === 0) await this.folder.close();
  }

  private isForeign(uid: number): boolean {
    return this.owner !== undefined && uid !== this.owner.uid;
  }

  private async open(name: string, limit: number): Promise<{ file: FileHandle; size: number } | undefined> {
    const file = await this.use(() => open(this.folder.at(name), constants.O_RDONLY | PLAIN)).catch(absent);
    if (!file) return undefined;
    const found = await file.stat();
    if (found.isFile() && !this.isForeign(found.uid) && found.size <= limit) return { file, size: found.size };
    await file.close();
    return undefined;
  }

  private async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.over) throw new Error("the session's folder is closed");
    this.uses += 1;
    try {
      await this.folder.assertInPlace();
      return await work();
    } finally {
      this.uses -= 1;
      if (this.over && this.uses === 0) await this.folder.close();
    }
  }
}
