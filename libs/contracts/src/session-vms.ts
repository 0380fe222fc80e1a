import { z } from 'zod';
import { operation } from './contract.js';
import { Vm, VmState } from './offload.js';
import { Id, ImageName, Token } from './scalars.js';

/** A task with it has its sessions on VMs. */
export const PLACED_ON_VM = 'placement:offload';

/** Whose VM it is, and for how long it is there without another word of the session's runner. */
const Keeper = z.object({
  session: Id,
  forMs: z
    .int()
    .min(1_000)
    .max(10 * 60_000),
});

export const vmsPlace = operation('vms.place', {
  owner: 'offload-manager',
  summary:
    'A runner asks for a VM for one session: the same session has the same VM. Answered when its whole lifetime is paid for; it comes to be after that.',
  request: Keeper.extend({
    task: Id,
    /** The tasks that this one is a part of: it counts against their budgets too. */
    ancestors: z.array(Id).default([]),
    project: Token.nullable(),
    /** What the program runs in, beside a POSIX `sh`; Purser's own image when it is left out. */
    image: ImageName.optional(),
    memoryMb: z.int().min(6).max(16_777_216),
  }),
  reply: Vm,
});

export const vmsKeep = operation('vms.keep', {
  owner: 'offload-manager',
  summary: 'The runner of a session gives a sign of life for its VM, which is deleted when none comes in time.',
  request: Keeper.extend({ vm: Id }),
  reply: z.object({
    state: VmState,
    reason: z.string(),
    /** Whether its platform has ever had it, and it has cost money. */
    made: z.boolean(),
  }),
});

export const vmsLeave = operation('vms.leave', {
  owner: 'offload-manager',
  summary: 'A session is over, or not begun: its VM is deleted, whichever it has.',
  request: z.object({ session: Id, reason: z.string().max(2_000) }),
  reply: z.object({ state: VmState.nullable() }),
});

/** What such a VM is there for, as its own name among components: none that can move has a dot in it. */
export const sessionComponent = (session: string): string => `session.${session}`;
export const isSessionComponent = (component: string): boolean => component.startsWith('session.');

/** Between a runner and the agent of its session's VM: what goes there, and what comes from there. */
export const sessionLink = (vm: string): { toVm: string; fromVm: string } => ({
  toVm: `session-vms.${vm}.down`,
  fromVm: `session-vms.${vm}.up`,
});
