import { z } from 'zod';
import { ComponentName } from './components.js';
import { operation } from './contract.js';
import { Id, Instant } from './scalars.js';

/** What a VM's agent is to do until it asks again. `wait`: the component runs, and is not asked yet, or not any more. */
export const AgentOrder = z.enum(['wait', 'serve', 'end']);
export type AgentOrder = z.infer<typeof AgentOrder>;

/** What left the VM since its system started. A system that starts again has another counter. */
export const SentBytes = z.object({ counter: z.string().min(1).max(100), bytes: z.int().nonnegative() });
export type SentBytes = z.infer<typeof SentBytes>;

export const VmHeartbeat = z.object({
  vm: Id,
  component: ComponentName,
  healthy: z.boolean(),
  /** Whether it takes requests of its component from the bus, and how many it has not answered yet. */
  serving: z.boolean(),
  inFlight: z.int().nonnegative(),
  /** Of all that runs beside the agent, where it can be seen. */
  memoryMb: z.number().nonnegative().nullable(),
  /** Where it can be seen. */
  sent: SentBytes.optional(),
  /** When the platform has said that it takes the VM away. */
  preemption: Instant.optional(),
});
export type VmHeartbeat = z.infer<typeof VmHeartbeat>;

export const vmsHeartbeat = operation('vms.heartbeat', {
  owner: 'offload-manager',
  summary: 'A VM’s agent tells how its component is, and hears what to do.',
  request: VmHeartbeat,
  speaker: 'vm',
  reply: z.object({ do: AgentOrder }),
});

const Headers = z.record(z.string().max(256), z.string().max(16_384));
const Body = z.base64().default('');

export const ComponentRequest = z.object({
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('GET'),
  path: z
    .string()
    .max(8_192)
    .regex(/^\/[^\s#\\]*$/, 'a path with its query, such as "/embed?size=2"')
    .default('/'),
  headers: Headers.default({}),
  /** In base64. */
  body: Body,
});
export type ComponentRequest = z.infer<typeof ComponentRequest>;

export const ComponentAnswer = z.object({ status: z.int().min(100).max(599), headers: Headers, body: Body });
export type ComponentAnswer = z.infer<typeof ComponentAnswer>;

export const ASK_COMPONENT = 'components.ask';

/** Asks a component wherever it runs: here, or on a VM. Not in the list of contracts, as there is one for each component. */
export const componentsAsk = (component: string) =>
  operation(`${ASK_COMPONENT}.${component}`, {
    owner: 'offload-manager',
    summary: 'One HTTP request of a component.',
    request: ComponentRequest,
    reply: ComponentAnswer,
  });

export const componentsRequest = operation('components.request', {
  owner: 'offload-manager',
  summary: 'Has a component answer one HTTP request, wherever it runs now.',
  request: ComponentRequest.extend({
    name: Id,
    timeoutMs: z.coerce.number().int().min(1).max(300_000).default(30_000),
  }),
  reply: ComponentAnswer,
  http: { method: 'POST', path: '/v1/components/:name/request', within: 'timeoutMs' },
});

/** Where a component is served from. */
export const Endpoint = z.object({
  component: Id,
  place: z.enum(['local', 'vm']),
  vm: Id.nullable(),
  since: Instant,
});
export type Endpoint = z.infer<typeof Endpoint>;
