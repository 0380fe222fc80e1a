import { type FileHandle, mkdir, readlink } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { OpenFolder } from '@purser/guard';
import { ToolError } from '../tools/tool.js';

const MOST_LINKS = 40;

/** An open folder, and the name in it that a path leads to; empty for the folder itself. */
export interface Place {
  folder: OpenFolder;
  name: string;
}

export interface Way {
  root: string;
  path: string;
  /** Folders that are not there are made, and given to the session's user. */
  create: boolean;
  give(made: FileHandle): Promise<void>;
}

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code);

/** One way from the root to a path, name by name. */
export class Walk {
  private readonly way: Way;
  private readonly names: string[];
  /** From the root on; the last is where the walk is. */
  private readonly folders: OpenFolder[] = [];
  private readonly gone: string[] = [];
  private links = 0;

  constructor(way: Way, names: string[]) {
    this.way = way;
    this.names = names;
  }

  async go(toFolder: boolean): Promise<Place> {
    const { root } = this.way;
    this.folders.push(await OpenFolder.at(root));
    while (this.names.length > 0) {
      const name = this.names.shift()!;
      // What is in there makes git run programs, whoever uses it next.
      if (this.way.create && name.toLowerCase() === '.git') {
        throw new ToolError(`${this.way.path} is git's own; it is not written to`);
      }
      const last = this.names.length === 0;
      const target = await this.linkAt(name);
      if (target !== undefined) {
        // From the root again: a target may lead up, and what is above is known by its name alone.
        this.names.unshift(...this.through(target));
        await this.close(1);
        this.gone.length = 0;
      } else if (last && !toFolder) {
        return { folder: this.here, name };
      } else {
        await this.enter(name);
      }
    }
    return { folder: this.here, name: '' };
  }

  async close(from = 0): Promise<void> {
    await Promise.all(this.folders.splice(from).map((folder) => folder.close()));
  }

  private get here(): OpenFolder {
    return this.folders.at(-1)!;
  }

  private linkAt(name: string): Promise<string | undefined> {
    return readlink(this.here.at(name)).catch((error: unknown) => {
      if (['EINVAL', 'ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined;
      throw error;
    });
  }

  private through(target: string): string[] {
    const { root, path } = this.way;
    this.links += 1;
    if (this.links > MOST_LINKS) throw new ToolError(`${path}: its links go round in circles`);
    const below = relative(root, isAbsolute(target) ? target : join(root, ...this.gone, target));
    if (below === '..' || below.startsWith(`..${sep}`)) {
      throw new ToolError(`${path} leads out of the workspace, by way of a link`);
    }
    return below.split(sep).filter((name) => name !== '');
  }

  private async enter(name: string): Promise<void> {
    const next = await this.here.enter(name).catch(async (error: unknown) => {
      if (!this.way.create || codeOf(error) !== 'ENOENT') throw error;
      await mkdir(this.here.at(name), 0o755).catch((late: unknown) => {
        if (codeOf(late) !== 'EEXIST') throw late;
      });
      const made = await this.here.enter(name);
      await this.way.give(made.handle);
      return made;
    });
    this.gone.push(name);
    this.folders.push(next);
  }
}
