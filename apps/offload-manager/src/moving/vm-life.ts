import type { VmStartup } from '@purser/plugin-sdk';

/** What moving needs to know of a VM. */
export interface VmSeen {
  id: string;
  component: string;
  state: 'requested' | 'creating' | 'ready' | 'draining' | 'deleting' | 'gone';
  reason: string;
}

export interface VmWish {
  component: string;
  machineType: string;
  spot: boolean;
  memoryMb: number;
  diskGb: number;
  startup: VmStartup;
}

/** The life of VMs as moving and the agents use it. Those that ask for one VM reject with `not_found` when it is gone. */
export interface VmLife {
  request(wish: VmWish): Promise<VmSeen>;
  get(id: string): Promise<VmSeen>;
  list(filter: { component: string }): Promise<VmSeen[]>;
  drain(id: string, reason: string): Promise<unknown>;
  remove(id: string, reason: string): Promise<unknown>;
  agentHeard(id: string, at: Date, healthy: boolean): Promise<VmSeen>;
  preempted(id: string, at: Date): Promise<unknown>;
}

export const VM_LIFE = Symbol('the life of VMs');

export const isOver = ({ state }: VmSeen): boolean => state === 'deleting' || state === 'gone';
