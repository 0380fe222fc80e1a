import { z } from 'zod';

const labels = z.record(z.string(), z.string()).nullish();

export const Listed = z.array(
  z.object({
    Id: z.string(),
    Names: z.array(z.string()).nullish(),
    Image: z.string(),
    Created: z.number(),
    Labels: labels,
    State: z.string(),
    Status: z.string(),
  }),
);
export type Listed = z.output<typeof Listed>;

/** Without the environment, which holds the keys of a session that need not be the caller's. */
const Inspected = z.object({
  Id: z.string(),
  Name: z.string(),
  Created: z.string(),
  Image: z.string(),
  State: z.object({
    Status: z.string(),
    Running: z.boolean(),
    OOMKilled: z.boolean(),
    ExitCode: z.number(),
    Error: z.string().nullish(),
  }),
  Config: z.object({ Image: z.string(), User: z.string().nullish(), Labels: labels }),
  HostConfig: z.object({ Memory: z.number().nullish(), NetworkMode: z.string().nullish() }),
});

/** Without its history and its configuration, in which others' images may have secrets. */
const Image = z.object({ Id: z.string(), RepoDigests: z.array(z.string()).nullish() });

export const narrowed = (what: 'image' | 'inspect', text: string): string =>
  JSON.stringify((what === 'image' ? Image : Inspected).parse(JSON.parse(text)));

export const labelsOf = (text: string): Record<string, string> =>
  z.object({ Config: z.object({ Labels: labels }) }).parse(JSON.parse(text)).Config.Labels ?? {};
