import { z } from 'zod';
import { VM_LABELS } from './vm-labels.ts';

/** An operator's own labels are nobody's business. */
const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((all) => Object.fromEntries(Object.entries(all ?? {}).filter(([name]) => name.startsWith('purser'))));

const Port = z.object({ PrivatePort: z.number(), PublicPort: z.number().optional(), Type: z.string().optional() });

export const Listed = z.array(
  z.object({
    Id: z.string(),
    Names: z.array(z.string()).nullish(),
    Image: z.string(),
    Created: z.number(),
    Labels: labels,
    State: z.string(),
    Status: z.string(),
    Ports: z.array(Port).nullish(),
  }),
);

/** Without the environment, which holds the password of a VM's agent. */
export const Inspected = z.object({
  Id: z.string(),
  Name: z.string(),
  Created: z.string(),
  State: z.object({ Status: z.string(), Running: z.boolean() }),
  Config: z.object({ Labels: labels }),
});
export type Inspected = z.output<typeof Inspected>;

export const Info = z.object({ MemTotal: z.number(), NCPU: z.number(), MemoryLimit: z.boolean().default(true) });

export type Kind = 'vm' | 'component' | 'foreign';

/** What the gate takes a container for: by labels that only it puts on, or that only whoever runs the machine does. */
export function kindOf({ Config: { Labels } }: Inspected, installation: string): Kind {
  if (Labels[VM_LABELS.gate] !== undefined) return Labels[VM_LABELS.gate] === installation ? 'vm' : 'foreign';
  const isProtected = Labels[VM_LABELS.protect] !== undefined && Labels[VM_LABELS.protect] !== 'false';
  return Labels[VM_LABELS.component] !== undefined && !isProtected ? 'component' : 'foreign';
}
