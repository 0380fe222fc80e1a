import { z } from 'zod';
import { operation } from './contract.js';
import { Label } from './tasks.js';

const Concurrency = z.number().int().min(0).max(100_000);
const PerMinute = z.number().int().min(0).max(10_000);

/** What tasks with a label may take together, whoever runs them. At least one of the two. */
export const LabelLimit = z
  .strictObject({
    /** So many sessions of them run at once; 0 holds them all back. */
    concurrency: Concurrency.optional(),
    /** So many sessions of them begin within any 60 seconds. */
    perMinute: PerMinute.optional(),
  })
  .refine(({ concurrency, perMinute }) => concurrency !== undefined || perMinute !== undefined, {
    error: 'needs concurrency, perMinute, or both',
  });
export type LabelLimit = z.infer<typeof LabelLimit>;

export const LabelStatus = z.object({
  label: Label,
  concurrency: z.number().int().nullable(),
  perMinute: z.number().int().nullable(),
  /** Sessions with this label that run now, and those that began within the last minute (0 without `perMinute`). */
  running: z.number().int(),
  startedLastMinute: z.number().int(),
  /** Tasks that could run but for a limit; counted up to 1,000. */
  waiting: z.number().int(),
});
export type LabelStatus = z.infer<typeof LabelStatus>;

export const labelsList = operation('labels.list', {
  owner: 'orchestrator',
  summary: 'The labels that have limits, with what they take now.',
  request: z.object({}),
  reply: z.object({ labels: z.array(LabelStatus) }),
  http: { method: 'GET', path: '/v1/labels' },
});

export const labelsSet = operation('labels.set', {
  owner: 'orchestrator',
  summary: "Limit what tasks with a label take together. It stays until the file's own words about the label change.",
  request: z.object({ label: Label, concurrency: Concurrency.optional(), perMinute: PerMinute.optional() }),
  reply: LabelStatus,
  http: { method: 'PUT', path: '/v1/labels/:label' },
});

export const labelsDelete = operation('labels.delete', {
  owner: 'orchestrator',
  summary: "Take the limits off a label. It stays so until the file's own words about the label change.",
  request: z.object({ label: Label }),
  reply: z.object({ deleted: z.boolean() }),
  http: { method: 'DELETE', path: '/v1/labels/:label' },
});
