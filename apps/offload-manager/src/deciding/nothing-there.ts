import { PurserError } from '@purser/contracts';
import type { Mover } from './ports.js';

/** Where nothing can be moved: everything is decided and told all the same. */
export const NO_MOVER: Mover = {
  begin: () => Promise.reject(new PurserError('unavailable', { message: 'nothing that moves components is built in' })),
};
