import type { VmCredentials } from './vm-credentials.js';

/** Where nothing can give a VM's agent a way to be heard, there is no VM. */
export const NO_CREDENTIALS: VmCredentials = {
  check: () => Promise.reject(new Error('no credentials for VMs can be made here')),
  issue: () => Promise.reject(new Error('no credentials for VMs can be made here')),
  revoke: () => Promise.resolve(),
};
