import { SessionVmsRepository } from './session-vms.repository.js';
import { SessionVms } from './session-vms.service.js';
import { UnkeptVms } from './unkept-vms.service.js';

/** VMs that sessions of tasks are placed on. */
export const SESSION_PARTS = [SessionVmsRepository, SessionVms, UnkeptVms];
