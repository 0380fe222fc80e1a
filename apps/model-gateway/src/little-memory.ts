import { setFlagsFromString } from 'node:v8';

/**
 * Young objects may take so much before they are looked through. Node's standard is twice that, of which calls fill all
 * three parts in a second, and the process keeps them; half of that costs processor time.
 */
const SEMI_SPACE_MIB = 8;
const SEMI_SPACE = '--max-semi-space-size';
/** The other objects are looked through when they have become so much more. V8 by itself lets them become four times as many. */
const GROWS_BY = '--heap-growing-percent=50';

/**
 * Begins the process anew with settings that keep it small, which Node and glibc read once, at the very start; so nobody
 * who starts it needs to know them. Who sets the size of the semi-space decides for himself. The process stays the same
 * for whoever started it: its id, its output, its arguments. Figures: docs/adr/0013-the-hot-path.md.
 *
 * `MALLOC_ARENA_MAX`: glibc has up to eight heaps per processor, and buffers that threads free in one are of no use in
 * another.
 */
export function inLittleMemory(): void {
  setFlagsFromString(GROWS_BY);
  const { execArgv, env, argv } = process;
  const decided = [...execArgv, env.NODE_OPTIONS ?? ''].some((option) => option.includes(SEMI_SPACE));
  // Windows, and Node before 22.15, cannot replace a process; and a channel to a parent would be lost.
  if (decided || process.execve === undefined || process.platform === 'win32' || process.channel) return;
  process.execve(
    process.execPath,
    [process.execPath, `${SEMI_SPACE}=${SEMI_SPACE_MIB}`, ...execArgv, ...argv.slice(1)],
    { MALLOC_ARENA_MAX: '1', ...env },
  );
}
