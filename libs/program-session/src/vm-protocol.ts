import { z } from 'zod';

/** What a runner asks of the agent of its session's VM, by HTTP/2 on the link between the two. */
export const VM_PATHS = {
  /** PUT, packed: what `?folder=` is to have in it, `session` or `workspace`. GET: what the second, or `session/state`, has. */
  files: '/files',
  /** POST StartOrder. */
  start: '/start',
  /** GET: what the program prints, until it has ended. */
  stdout: '/stdout',
  stderr: '/stderr',
  /** GET: VmNews, a line each, until the program has ended. */
  news: '/news',
  /** GET: one file that it left, by `?name=`. */
  state: '/state',
  /** POST: lines for its signals.jsonl. */
  signals: '/signals',
  /** POST `TERM` or `KILL`. */
  signal: '/signal',
  /** POST: waits for a connection of the program's, whose target the answer names; then both ways as it comes. */
  connection: '/connection',
} as const;

/** The folders that the VM has, below its own. */
export const VM_SESSION = 'session';
export const VM_WORKSPACE = 'workspace';
export const VM_STATE = `${VM_SESSION}/state`;

/**
 * Of both ends of the link. Each connection of the program that nobody reads holds a window at either end, and what it has
 * to send beyond that counts against the memory, above which new requests are refused: signals and checkpoints as well.
 */
export const LINK_WINDOW_BYTES = 256 * 1024;
export const LINK_MEMORY_MB = 256;

/** In the answer to `connection`: the address that the program believes to have reached. */
export const TARGET = 'purser-target';

/** In the trailers of an answer that is not whole: why, in base64url. */
export const PROBLEM = 'purser-problem';

export const StartOrder = z.object({
  argv: z.array(z.string()).min(1),
  /** In the workspace, or absolute. */
  cwd: z.string(),
  env: z.record(z.string(), z.string()),
  /** Variables that name places in the VM's folder, such as `session/state`. */
  inside: z.record(z.string(), z.string()),
  /** Variables whose addresses are reached through the runner; the program gets others in their place. */
  through: z.array(z.string()),
});
export type StartOrder = z.infer<typeof StartOrder>;

/** What a program may replace at any time, and its runner takes at once; all else that it leaves is taken at its end. */
export const VM_FILES = ['checkpoint.json', 'handoff.md', 'progress.json'] as const;
export type VmFile = (typeof VM_FILES)[number];

/** Of whoever speaks for the VM, which its program can: the runner takes nothing but what is listed here. */
export const VmNews = z.discriminatedUnion('kind', [
  /** A new version of a file in the state folder. */
  z.object({ kind: z.literal('file'), name: z.enum(VM_FILES), size: z.number() }),
  z.object({ kind: z.literal('memory'), mb: z.number() }),
  /** The platform takes the VM away, or it is about to end for want of an answer. */
  z.object({ kind: z.literal('preempted') }),
  z.object({ kind: z.literal('end'), code: z.number().int() }),
]);
export type VmNews = z.infer<typeof VmNews>;
