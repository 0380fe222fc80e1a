import { Arguments, TaskVariables, text } from '@purser/program-session';
import { z } from 'zod';

/** The input of a `container` task. */
export const ContainerInput = z.strictObject({
  image: z
    .string('image must be a string, such as "python:3.13-slim"')
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,500}$/, 'the name of an image, such as "python:3.13-slim"')
    .describe('the name of an image, such as "python:3.13-slim"'),
  argv: Arguments.optional().describe(
    'the program and its arguments as a list, such as ["python3", "agent.py"]; what the image starts when it is left out',
  ),
  entrypoint: z
    .array(text('an argument'), 'a list, such as ["/bin/sh", "-c"]')
    .min(1, 'must name a program; leave it out to have what the image starts')
    .max(100, 'at most 100 arguments')
    .optional()
    .describe('in place of the program that the image puts before argv'),
  cwd: text('cwd')
    .min(1, 'must not be empty; leave it out to run in the workspace')
    .optional()
    .describe('where the program runs: a folder in the workspace, or an absolute path of the image'),
  env: TaskVariables.optional(),
  memoryMb: z.number().int().min(6).optional().describe('in MiB; the program is ended when it uses more'),
  cpus: z.number().min(0.01).optional().describe('processors, such as 0.5'),
  pids: z.number().int().min(1).optional().describe('the most processes and threads at once'),
  network: z
    .enum(['gateway', 'bridge'], '"gateway" or "bridge"')
    .default('gateway')
    .describe(
      '"gateway": nothing but Purser can be reached; "bridge": the internet too, where whoever runs Purser allows it',
    ),
  pull: z
    .enum(['missing', 'always', 'never'], '"missing", "always" or "never"')
    .default('missing')
    .describe('when the image is fetched'),
});
export type ContainerInput = z.output<typeof ContainerInput>;
