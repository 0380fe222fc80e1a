import { PLACES } from '../scoring/places.js';
import { BILLS } from '../status/bills.js';
import { BillsRepository } from '../status/bills.repository.js';
import { Finances } from '../status/finances.service.js';
import { OffloadHandlers } from '../status/offload.handlers.js';
import { StatusService } from '../status/status.service.js';
import { Decider } from './decider.service.js';
import { DecisionsRepository } from './decisions.repository.js';
import { DriverMarket } from './driver-market.service.js';
import { DecidedMoves } from './mover.adapter.js';
import { MovedPlaces } from './places.adapter.js';
import { MARKET, MOVER } from './ports.js';
import { PreemptionsRepository } from './preemptions.repository.js';
import { Situations } from './situations.service.js';
import { Watch } from './watch.service.js';

export const DECIDING_CONTROLLERS = [OffloadHandlers];

/** What decides about components, and tells how they stand. */
export const DECIDING_PARTS = [
  PreemptionsRepository,
  DriverMarket,
  { provide: MARKET, useExisting: DriverMarket },
  MovedPlaces,
  { provide: PLACES, useExisting: MovedPlaces },
  DecidedMoves,
  { provide: MOVER, useExisting: DecidedMoves },
  BillsRepository,
  { provide: BILLS, useExisting: BillsRepository },
  Situations,
  DecisionsRepository,
  Decider,
  Watch,
  Finances,
  StatusService,
];
