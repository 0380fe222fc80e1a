import { ImageName } from '@purser/contracts';
import { Arguments, TaskVariables, text } from '@purser/program-session';
import { z } from 'zod';

/** What a `command` or `container` task says that holds on a VM too; all else is about this machine. */
export const PlacedInput = z.object({
  /** Purser's own when it is left out. */
  image: ImageName.optional(),
  argv: Arguments,
  entrypoint: z.array(text('an argument')).min(1).max(100).optional(),
  cwd: text('cwd').min(1).default('.'),
  env: TaskVariables.default({}),
  memoryMb: z.int().min(6).max(16_777_216).optional(),
});
export type PlacedInput = z.output<typeof PlacedInput>;
