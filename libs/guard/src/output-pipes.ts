import { execFile } from 'node:child_process';
import { close, constants, open } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';

/** Bare descriptors: a FileHandle would close its own again after the socket that has taken it over. */
const openFd = promisify(open);
const closeFd = promisify(close);

/**
 * Where a program prints to. Named pipes of the program's own user: Node would give it sockets, and neither those nor
 * another user's pipes can be opened as /dev/stdout or /dev/stderr, as many shell scripts do.
 */
export class OutputPipes {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Descriptors to be given to the process that prints. */
  readonly writingEnds: [number, number];

  /** `folder`: where no other user may put anything, so that these are the pipes that are opened here. */
  static async open(folder: string): Promise<OutputPipes> {
    const paths = ['stdout', 'stderr'].map((name) => join(folder, name)) as [string, string];
    await promisify(execFile)('mkfifo', ['-m', '600', ...paths], { timeout: 5000 });
    const opened: number[] = [];
    const openBoth = async (path: string): Promise<[number, number]> => {
      // In this order: without a reader the other end would wait for one.
      for (const flags of [constants.O_RDONLY | constants.O_NONBLOCK, constants.O_WRONLY]) {
        opened.push(await openFd(path, flags));
      }
      return opened.slice(-2) as [number, number];
    };
    try {
      return new OutputPipes(await openBoth(paths[0]), await openBoth(paths[1]));
    } catch (error) {
      await Promise.all(opened.map((fd) => closeFd(fd)));
      throw error;
    }
  }

  private constructor(stdout: [number, number], stderr: [number, number]) {
    this.stdout = new Socket({ fd: stdout[0], readable: true });
    this.stderr = new Socket({ fd: stderr[0], readable: true });
    this.writingEnds = [stdout[1], stderr[1]];
  }

  /** Once it has them: then the readers see the end when the last process that prints is gone. */
  async release(): Promise<void> {
    await Promise.all(this.writingEnds.map((fd) => closeFd(fd)));
  }

  destroy(): void {
    this.stdout.destroy();
    this.stderr.destroy();
  }
}
