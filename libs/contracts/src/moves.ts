import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Id, Instant, limitUpTo } from './scalars.js';

export const Move = z.object({
  id: Id,
  component: Id,
  direction: z.enum(['to_vm', 'home']),
  /** `starting`: not ready there. `healthy`: not asked there yet. `routed`: what the old place has is being answered. */
  step: z.enum(['starting', 'healthy', 'routed', 'stopping', 'done', 'failed']),
  vm: Id.nullable(),
  reason: z.string(),
  /** Why it failed: then the component is where it was. */
  error: z.string().nullable(),
  createdAt: Instant,
  stepAt: Instant,
});
export type Move = z.infer<typeof Move>;

const because = (standard: string) => z.string().max(2_000).default(standard);

export const componentsOffload = operation('components.offload', {
  owner: 'offload-manager',
  summary:
    'Begin to move a component to a VM. It answers when the move is written down; from then on it goes on by itself.',
  request: z.object({
    name: Id,
    /** The smallest that the component fits into, unless said. */
    machineType: z.string().max(100).optional(),
    spot: z.boolean().default(true),
    reason: because('asked for by a person'),
  }),
  reply: Move,
  http: { method: 'POST', path: '/v1/components/:name/offload', status: 202 },
});

export const componentsRecall = operation('components.recall', {
  owner: 'offload-manager',
  summary: 'Begin to bring a component home from its VM, which is deleted then.',
  request: z.object({ name: Id, reason: because('asked for by a person') }),
  reply: Move,
  http: { method: 'POST', path: '/v1/components/:name/recall', status: 202 },
});

export const componentsMoves = operation('components.moves', {
  owner: 'offload-manager',
  summary: 'Moves of components to VMs and home again, newest first.',
  request: z.object({ limit: limitUpTo(1_000, 100) }),
  reply: z.object({ moves: z.array(Move) }),
  http: { method: 'GET', path: '/v1/offload/moves' },
});

const moved = (name: string, summary: string) =>
  fact(`component.${name}`, { by: 'offload-manager', id: 'component', stream: 'FACTS', summary, data: Move });

export const componentOffloaded = moved('offloaded', 'A VM serves the component, and nothing of it is left here.');
export const componentReturned = moved('returned', 'The component is served here again, and its VM is being deleted.');
