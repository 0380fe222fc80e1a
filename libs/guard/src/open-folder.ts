import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY;
const onLinux = process.platform === 'linux';

/**
 * A folder that is open. Where others may change folders for links, what is in it is reached from here and not by its
 * path.
 */
export class OpenFolder {
  readonly handle: FileHandle;
  private readonly path: string;

  private constructor(handle: FileHandle, path: string) {
    this.handle = handle;
    this.path = path;
  }

  /** By its path, which nobody else can change on the way; a link at its end is followed. */
  static async at(path: string): Promise<OpenFolder> {
    return new OpenFolder(await open(path, FOLDER), path);
  }

  /** One in this one; a link in its place is refused (ELOOP or ENOTDIR). */
  async enter(name: string): Promise<OpenFolder> {
    await this.assertInPlace();
    return new OpenFolder(await open(this.at(name), FOLDER | constants.O_NOFOLLOW), join(this.path, name));
  }

  /** On Linux the kernel resolves it from the open folder on, whatever its path is by now. */
  at(name: string): string {
    return onLinux ? `/proc/self/fd/${this.handle.fd}/${name}` : join(this.path, name);
  }

  /** Where `at` goes by the path: whether that still leads here. Whoever changes it afterwards is not seen. */
  async assertInPlace(): Promise<void> {
    if (onLinux) return;
    const [here, there] = [await this.handle.stat(), await stat(this.path)];
    if (here.ino !== there.ino || here.dev !== there.dev) throw new Error('the folder is not at its place any more');
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}
