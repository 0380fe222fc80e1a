import { z } from 'zod';

/** CloudEvents 1.0 in structured mode, as every command and fact that Purser publishes is framed. */
export const CloudEvent = z.looseObject({
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  /** `purser/<service>/<instance>`. */
  source: z.string().min(1),
  /** `dev.purser.<contract name>`, for example `dev.purser.task.created`. */
  type: z.string().min(1),
  subject: z.string().optional(),
  time: z.string().optional(),
  datacontenttype: z.string().optional(),
  traceparent: z.string().optional(),
  data: z.unknown(),
});
export type CloudEvent = z.infer<typeof CloudEvent>;

export const eventType = (contractName: string): string => `dev.purser.${contractName}`;
