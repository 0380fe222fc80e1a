import { PurserError } from '@purser/contracts';
import type { Bills } from '../status/bills.js';
import type { Mover, VmMarket } from './ports.js';

const WHY = 'no way to make VMs is built in';

/** Where nothing can be moved: everything is decided and told all the same. */
export const NO_MARKET: VmMarket = {
  compute: () => ({ provider: null, why: WHY }),
  look: () => Promise.resolve({ offers: [], affordable: undefined, hindrance: WHY, preemptions: 0 }),
};
export const NO_MOVER: Mover = { begin: () => Promise.reject(new PurserError('unavailable', { message: WHY })) };
export const NO_BILLS: Bills = { since: () => Promise.resolve([]) };
