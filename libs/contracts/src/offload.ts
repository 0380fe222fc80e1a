import { z } from 'zod';
import { operation } from './contract.js';
import { Id, Instant } from './scalars.js';

export const Vm = z.object({
  id: Id,
  provider: z.string(),
  zone: z.string(),
  state: z.enum(['requested', 'creating', 'ready', 'deleting', 'deleted', 'orphaned']),
  component: Id.nullable(),
  createdAt: Instant,
  expiresAt: Instant,
});
export type Vm = z.infer<typeof Vm>;

export const vmsList = operation('vms.list', {
  owner: 'offload-manager',
  summary: 'Every VM that Purser knows of.',
  request: z.object({}),
  reply: z.object({ vms: z.array(Vm) }),
  http: { method: 'GET', path: '/v1/vms' },
});
