import { z } from 'zod';
import { VM_LABELS } from './vm-labels.ts';

/** An operator's own labels are nobody's business. */
const isKnown = (label: string): boolean => label.startsWith('purser') || label === VM_LABELS.project;
const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((all) => Object.fromEntries(Object.entries(all ?? {}).filter(([name]) => isKnown(name))));

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
export type Listed = z.output<typeof Listed>;

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
export type Info = z.output<typeof Info>;

export type Kind = 'vm' | 'component' | 'foreign';

/**
 * What the gate takes a container for. Docker adds an image's labels to those that a container is made with, so labels alone
 * make nothing a VM: it also has the name that they give it, which no image does.
 */
export const kindOf = ({ Name, Config }: Inspected, installation: string): Kind =>
  kindBy(Config.Labels, [Name], installation);

export const kindOfListed = ({ Names, Labels }: Listed[number], installation: string): Kind =>
  kindBy(Labels, Names ?? [], installation);

function kindBy(labels: Readonly<Record<string, string>>, names: readonly string[], installation: string): Kind {
  const { [VM_LABELS.gate]: gate, [VM_LABELS.protect]: protect } = labels;
  if (gate !== undefined) return gate === installation && isPartOfVm(labels, names) ? 'vm' : 'foreign';
  // Made by a gate for whoever chose its image, and so its other labels.
  if (labels[VM_LABELS.managed] !== undefined) return 'foreign';
  const isProtected = protect !== undefined && protect !== 'false';
  // Another installation on the same engine has components too.
  const isOwn = (labels[VM_LABELS.componentOf] ?? labels[VM_LABELS.project]) === installation;
  return labels[VM_LABELS.component] !== undefined && isOwn && !isProtected ? 'component' : 'foreign';
}

function isPartOfVm(labels: Readonly<Record<string, string>>, names: readonly string[]): boolean {
  const { [VM_LABELS.name]: vm, [VM_LABELS.part]: part, [VM_LABELS.ends]: ends } = labels;
  if (vm === undefined || !(Number(ends) > 0)) return false;
  return (part === 'component' && names.includes(`/${vm}`)) || (part === 'agent' && names.includes(`/${vm}-agent`));
}
