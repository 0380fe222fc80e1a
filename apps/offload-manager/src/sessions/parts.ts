import { SessionVms } from './session-vms.service.js';
import { SessionVmsRepository } from './session-vms.repository.js';

/** VMs that sessions of tasks are placed on. */
export const SESSION_PARTS = [SessionVmsRepository, SessionVms];
