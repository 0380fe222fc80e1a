import { BILLS } from '../status/bills.js';
import { Finances } from '../status/finances.service.js';
import { StatusService } from '../status/status.service.js';
import { Decider } from './decider.service.js';
import { DecisionsRepository } from './decisions.repository.js';
import { NO_BILLS, NO_MARKET, NO_MOVER } from './nothing-there.js';
import { MARKET, MOVER } from './ports.js';
import { Situations } from './situations.service.js';
import { Watch } from './watch.service.js';

/** What decides about components, and tells how they stand. */
export const DECIDING_PARTS = [
  { provide: MARKET, useValue: NO_MARKET },
  { provide: MOVER, useValue: NO_MOVER },
  { provide: BILLS, useValue: NO_BILLS },
  Situations,
  DecisionsRepository,
  Decider,
  Watch,
  Finances,
  StatusService,
];
