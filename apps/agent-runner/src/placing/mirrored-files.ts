import { createWriteStream } from 'node:fs';
import { chown, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { SessionSignal } from '@purser/plugin-sdk';
import {
  ARCHIVE_LIMIT,
  LARGE_LIMIT,
  pack,
  SessionFiles,
  unpack,
  VM_PATHS,
  VM_SESSION,
  VM_STATE,
  VM_WORKSPACE,
  type VmFile,
} from '@purser/program-session';
import type { RunAs } from '@purser/guard';
import { removeTree } from '../workspaces/remove-tree.js';
import { replaceWorkspace } from '../workspaces/replaced-workspace.js';
import type { VmClient } from './vm-client.js';

interface Places {
  workspace: string;
  sessionDir: string;
  /** Who unpacks what a program packed, where this process could do more than its own. */
  user: RunAs | undefined;
}

/** A session's files here, as its program on a VM has them: nothing here but the runner writes them. */
export class MirroredFiles extends SessionFiles {
  constructor(
    private readonly client: VmClient,
    private readonly places: Places,
  ) {
    super(places.sessionDir, undefined);
  }

  /** Once they are laid out. */
  async bringThere(): Promise<void> {
    const { workspace, sessionDir } = this.places;
    await this.client.send('PUT', `${VM_PATHS.files}?folder=${VM_SESSION}`, pack(sessionDir, ['.']));
    await this.client.send('PUT', `${VM_PATHS.files}?folder=${VM_WORKSPACE}`, pack(workspace, ['.']));
  }

  /** A new version that the program has left. */
  async bring(name: VmFile, size: number): Promise<void> {
    if (size > LARGE_LIMIT) throw new Error(`${name} has ${size} bytes, more than the limit of ${LARGE_LIMIT}`);
    const content = await this.client.get(`${VM_PATHS.state}?name=${encodeURIComponent(name)}`);
    const half = join(this.places.sessionDir, `${name}.half`);
    let left = LARGE_LIMIT;
    const bounded = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of source) {
        left -= chunk.length;
        if (left < 0) throw new Error(`${name} is larger than it said`);
        yield chunk;
      }
    };
    await pipeline(content, bounded, createWriteStream(half, { mode: 0o600 }));
    await rename(half, join(this.stateDir, name));
  }

  override async addSignal(signal: SessionSignal): Promise<void> {
    await this.client.send('POST', VM_PATHS.signals, `${JSON.stringify(signal)}\n`);
  }

  /** All that it left in its state folder, when it has ended. */
  async bringState(): Promise<void> {
    const { sessionDir, user } = this.places;
    const place = `${sessionDir}-left`;
    try {
      await this.unpackInto(place, VM_STATE, user);
      for (const name of await readdir(place)) {
        await removeTree(join(this.stateDir, name));
        await rename(join(place, name), join(this.stateDir, name));
      }
    } finally {
      await removeTree(place);
    }
  }

  /** The workspace as it was there, in the place of the one that is here: all of it or nothing. */
  async bringWorkspace(): Promise<void> {
    const { workspace, sessionDir, user } = this.places;
    // Beside the session's folder, which another user cannot pass through.
    const place = `${sessionDir}-back`;
    try {
      await this.unpackInto(place, VM_WORKSPACE, user);
      await replaceWorkspace(workspace, place, join(sessionDir, 'workspace-before'));
    } finally {
      await removeTree(place);
    }
  }

  private async unpackInto(place: string, folder: string, user: RunAs | undefined): Promise<void> {
    await mkdir(place, { mode: 0o700 });
    if (user) await chown(place, user.uid, user.gid);
    await unpack(await this.client.get(`${VM_PATHS.files}?folder=${folder}`), place, user, ARCHIVE_LIMIT);
  }
}
