import type { Provider } from '@nestjs/common';
import { AgentsRepository } from '../agents/agents.repository.js';
import { AgentsService } from '../agents/agents.service.js';
import { AWAY } from '../components/away.js';
import { Components } from '../components/components.service.js';
import { CredentialsRepository } from '../credentials/credentials.repository.js';
import { NatsCredentials } from '../credentials/nats-credentials.service.js';
import { Endpoints } from '../endpoints/endpoints.service.js';
import { LocalPlaces } from '../endpoints/local-places.service.js';
import { PlacesRepository } from '../endpoints/places.repository.js';
import { VM_CREDENTIALS } from '../vms/vm-credentials.js';
import { VmsService } from '../vms/vms.service.js';
import { HomeSteps } from './home-steps.service.js';
import { LocalChildrenRepository } from './local-children.repository.js';
import { LocalComponents } from './local-components.js';
import { Machines } from './machines.service.js';
import { MOVABLES, movablesOf } from './movables.js';
import { Mover } from './mover.service.js';
import { MoveRecords } from './move-records.js';
import { MovesRepository } from './moves.repository.js';
import { Moves } from './moves.service.js';
import { OutSteps } from './out-steps.service.js';
import { Returns } from './returns.service.js';
import { VM_LIFE } from './vm-life.js';

/** Everything by which components get to VMs, are asked there, and come home. */
export const MOVING_PARTS: Provider[] = [
  AgentsRepository,
  AgentsService,
  CredentialsRepository,
  NatsCredentials,
  { provide: VM_CREDENTIALS, useExisting: NatsCredentials },
  PlacesRepository,
  LocalPlaces,
  Endpoints,
  MovesRepository,
  MoveRecords,
  { provide: AWAY, useExisting: MovesRepository },
  Moves,
  Machines,
  LocalChildrenRepository,
  LocalComponents,
  OutSteps,
  HomeSteps,
  Returns,
  Mover,
  { provide: VM_LIFE, useExisting: VmsService },
  { provide: MOVABLES, useFactory: movablesOf, inject: [Components] },
];
