/** What the agent of one VM needs to be heard, and nobody else. */
export interface VmCredentials {
  check(): Promise<void>;
  issue(vmId: string, component: string, expiresAt: Date): Promise<Record<string, string>>;
  revoke(vmId: string): Promise<void>;
}

export const VM_CREDENTIALS = Symbol('vm credentials');
