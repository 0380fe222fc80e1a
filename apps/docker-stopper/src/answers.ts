import { z } from 'zod';

const labels = z.record(z.string(), z.string()).nullish();

/**
 * The fields that are passed on. An inspected container shows its environment, with the secrets in it, its command and
 * its mounts: none of them is needed to stop it.
 */
const Listed = z.array(
  z.object({
    Id: z.string(),
    Names: z.array(z.string()).nullish(),
    Image: z.string(),
    Labels: labels,
    State: z.string(),
    Status: z.string(),
  }),
);
export const Inspected = z.object({
  Id: z.string(),
  Name: z.string(),
  State: z.object({
    Status: z.string(),
    Running: z.boolean(),
    Paused: z.boolean(),
    Restarting: z.boolean(),
    ExitCode: z.number(),
  }),
  Config: z.object({ Labels: labels }),
  HostConfig: z.object({
    RestartPolicy: z.object({ Name: z.string(), MaximumRetryCount: z.number().optional() }).nullish(),
  }),
});

export const narrowed = (what: 'list' | 'inspect', text: string): string =>
  JSON.stringify((what === 'list' ? Listed : Inspected).parse(JSON.parse(text)));

export const isProtected = (text: string): boolean => {
  const label = Inspected.parse(JSON.parse(text)).Config.Labels?.['purser.protect'];
  return label !== undefined && label !== 'false';
};
