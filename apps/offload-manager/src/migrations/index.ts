import type { MigrationClass } from '@purser/database';
import { AddMoveEpochs1700000006702 } from './add-move-epochs.js';
import { AddMoveNeeds1700000006701 } from './add-move-needs.js';
import { AddUnhealthySince1700000006700 } from './add-unhealthy-since.js';
import { CreateDecisions1700000006401 } from './create-decisions.js';
import { CreateLocalChildren1700000006822 } from './create-local-children.js';
import { CreateMoves1700000006200 } from './create-moves.js';
import { CreateProfiles1700000006400 } from './create-profiles.js';
import { CreateStrays1700000006001 } from './create-strays.js';
import { KnowSessions1700000006840 } from './know-sessions.js';
import { CreateVms1700000006000 } from './create-vms.js';
import { KeepPreemptions1700000006882 } from './keep-preemptions.js';
import { KnowOpenPlaces1700000006821 } from './know-open-places.js';
import { KnowPlaces1700000006600 } from './know-places.js';
import { KnowRegularPrices1700000006881 } from './know-regular-prices.js';
import { KnowWhoAsked1700000006820 } from './know-who-asked.js';
import { KnowWhatWasSeen1700000006601 } from './know-what-was-seen.js';
import { MeterTraffic1700000006880 } from './meter-traffic.js';
import { TellChanges1700000006800 } from './tell-changes.js';

/** What the offload-manager's schema, `offload`, is made of. */
export const MIGRATIONS: MigrationClass[] = [
  CreateVms1700000006000,
  CreateStrays1700000006001,
  CreateMoves1700000006200,
  CreateProfiles1700000006400,
  CreateDecisions1700000006401,
  KnowPlaces1700000006600,
  KnowWhatWasSeen1700000006601,
  AddUnhealthySince1700000006700,
  AddMoveNeeds1700000006701,
  AddMoveEpochs1700000006702,
  TellChanges1700000006800,
  KnowWhoAsked1700000006820,
  KnowOpenPlaces1700000006821,
  CreateLocalChildren1700000006822,
  KnowSessions1700000006840,
  MeterTraffic1700000006880,
  KnowRegularPrices1700000006881,
  KeepPreemptions1700000006882,
];
