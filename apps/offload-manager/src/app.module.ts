import { Module } from '@nestjs/common';
import { AgentsHandlers } from './agents/agents.handlers.js';
import { ComponentsHandlers } from './components/components.handlers.js';
import { COMPONENT_PARTS } from './components/parts.js';
import { DECIDING_CONTROLLERS, DECIDING_PARTS } from './deciding/parts.js';
import { EndpointsHandlers } from './endpoints/endpoints.handlers.js';
import { MovesHandlers } from './moving/moves.handlers.js';
import { MOVING_PARTS } from './moving/parts.js';
import { SESSION_PARTS } from './sessions/parts.js';
import { SessionVmsHandlers } from './sessions/session-vms.handlers.js';
import { Sweeps } from './sweeps.js';
import { VM_PARTS } from './vms/parts.js';
import { VmsHandlers } from './vms/vms.handlers.js';

@Module({
  controllers: [
    VmsHandlers,
    ComponentsHandlers,
    AgentsHandlers,
    EndpointsHandlers,
    MovesHandlers,
    SessionVmsHandlers,
    ...DECIDING_CONTROLLERS,
  ],
  providers: [...VM_PARTS, ...COMPONENT_PARTS, ...MOVING_PARTS, ...DECIDING_PARTS, ...SESSION_PARTS, Sweeps],
})
export class AppModule {}
