import { randomBytes } from 'node:crypto';
import { constants, realpathSync } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rename, unlink } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import type { RunAs } from '@purser/guard';
import { ToolError } from '../tools/tool.js';
import { type Place, Walk } from './walk.js';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;

export interface FileSeen {
  bytes: Buffer;
  mode: number;
}

export interface Entry {
  name: string;
  kind: 'folder' | 'file' | 'link' | 'other';
}

const isCode = (error: unknown, ...codes: string[]): boolean =>
  codes.includes(String((error as NodeJS.ErrnoException).code));

/**
 * Files below one folder and nowhere else. Paths are walked name by name, each relative to the folder that is open, so
 * that nobody can lay a link in between: the runner may be root, and the session's programs may change the folder
 * meanwhile. Links are followed as long as they stay inside. What the session's user may not read is not read
 * for it either: a hard link to it may lie here.
 */
export class ConfinedFolder {
  readonly root: string;
  private readonly owner: RunAs | undefined;

  constructor(root: string, owner: RunAs | undefined) {
    this.root = realpathSync(root);
    this.owner = owner;
  }

  /** Paths are relative to the root, or absolute ones below it. */
  async read(path: string, most: number): Promise<FileSeen> {
    return this.at(path, { create: false }, async ({ folder, name }) => {
      if (name === '') throw new ToolError(`${path} is a folder`);
      const file = await open(folder.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        const { size, mode, uid } = await this.regular(file, path);
        const closed = this.owner !== undefined && uid !== this.owner.uid && (mode & 0o004) === 0;
        if (closed) throw new ToolError(`${path} may not be read: it belongs to another user`);
        if (size > most) throw new ToolError(`${path} has ${size} bytes, more than the limit of ${most}`);
        const bytes = Buffer.alloc(size);
        const { bytesRead } = await file.read(bytes, 0, size, 0);
        return { bytes: bytes.subarray(0, bytesRead), mode };
      } finally {
        await file.close();
      }
    });
  }

  /** The whole file or nothing of it, also after a crash; folders on the way are made. Whether it is a new one. */
  async write(path: string, bytes: Buffer): Promise<boolean> {
    return this.at(path, { create: true }, async ({ folder, name }) => {
      if (name === '') throw new ToolError(`${path} is a folder`);
      const target = folder.at(name);
      const before = await lstat(target).catch(() => undefined);
      if (before && !before.isFile()) throw new ToolError(`${path} is no plain file`);
      const temporary = folder.at(`.${randomBytes(6).toString('hex')}.new`);
      const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
      try {
        await file.writeFile(bytes);
        if (before) await file.chmod(before.mode & 0o777);
        await this.give(file);
        await file.close();
        await rename(temporary, target);
      } catch (error) {
        await file.close().catch(() => undefined);
        await unlink(temporary).catch(() => undefined);
        throw error;
      }
      return before === undefined;
    });
  }

  async list(path: string): Promise<Entry[]> {
    return this.at(path, { create: false, folder: true }, async ({ folder }) => {
      const entries = await readdir(folder.at('.'), { withFileTypes: true });
      return entries
        .map((entry): Entry => {
          const kind = entry.isDirectory()
            ? 'folder'
            : entry.isFile()
              ? 'file'
              : entry.isSymbolicLink()
                ? 'link'
                : 'other';
          return { name: entry.name, kind };
        })
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    });
  }

  private async at<T>(
    path: string,
    how: { create: boolean; folder?: boolean },
    use: (place: Place) => Promise<T>,
  ): Promise<T> {
    const walk = new Walk(
      { root: this.root, path, create: how.create, give: (made) => this.give(made) },
      this.names(path),
    );
    try {
      return await use(await walk.go(how.folder === true));
    } catch (error) {
      throw explained(error, path);
    } finally {
      await walk.close();
    }
  }

  private async regular(file: FileHandle, path: string): Promise<{ size: number; mode: number; uid: number }> {
    const found = await file.stat();
    if (!found.isFile()) throw new ToolError(`${path} is ${found.isDirectory() ? 'a folder' : 'no plain file'}`);
    return found;
  }

  private async give(made: FileHandle): Promise<void> {
    if (this.owner) await made.chown(this.owner.uid, this.owner.gid);
  }

  /** The names that lead to a path, below the root. */
  private names(path: string): string[] {
    if (path.includes('\0')) throw new ToolError('a path holds no NUL character');
    const below = isAbsolute(path) ? relative(this.root, path) : path;
    const names: string[] = [];
    for (const name of below.split(sep)) {
      if (name === '..' && names.pop() === undefined) throw new ToolError(`${path} leads out of the workspace`);
      if (name !== '' && name !== '.' && name !== '..') names.push(name);
    }
    return names;
  }
}

function explained(error: unknown, path: string): unknown {
  if (isCode(error, 'ENOENT')) return new ToolError(`there is no ${path}`);
  if (isCode(error, 'ENOTDIR')) return new ToolError(`${path}: a part of it is no folder`);
  if (isCode(error, 'EACCES', 'EPERM')) return new ToolError(`${path} may not be opened`);
  if (isCode(error, 'ENAMETOOLONG')) return new ToolError('the path is too long');
  if (isCode(error, 'EISDIR')) return new ToolError(`${path} is a folder`);
  if (isCode(error, 'ELOOP')) return new ToolError(`${path} was changed meanwhile, or its links go round in circles`);
  return error;
}
