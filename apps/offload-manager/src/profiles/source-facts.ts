import { z } from 'zod';

/** What a reader of sources says of one file. It is another process: what it says is checked. */
export const SourceFacts = z.object({
  file: z.string(),
  imports: z.array(z.string().max(500)).max(10_000),
  classes: z.number().int().nonnegative(),
  bytes: z.number().int().nonnegative(),
  /** How it was seen that this is a program. */
  executable: z.string().nullable(),
  /** Why it could not be read. */
  error: z.string().nullable(),
});
export type SourceFacts = z.infer<typeof SourceFacts>;

/** Larger files are not read: they are generated, or data. */
export const MAX_SOURCE_BYTES = 2 * 1024 * 1024;

/** Scripts by their names: what they do when they start, they do to the machine. */
const SCRIPT_NAME = /^(setup|download|install|fetch|bootstrap|migrate|uninstall|postinstall)([_-].*)?\.[a-z]+$/i;

export const scriptName = (fileName: string): string | null =>
  SCRIPT_NAME.test(fileName) ? `its name, ${fileName}, is that of a script` : null;
