import { Module } from '@nestjs/common';
import { AgentsHandlers } from './agents/agents.handlers.js';
import { ComponentsHandlers } from './components/components.handlers.js';
import { COMPONENT_PARTS } from './components/parts.js';
import { EndpointsHandlers } from './endpoints/endpoints.handlers.js';
import { MOVING_PARTS } from './moving/parts.js';
import { VmsHandlers } from './vms/vms.handlers.js';

@Module({
  controllers: [VmsHandlers, ComponentsHandlers, AgentsHandlers, EndpointsHandlers],
  providers: [...COMPONENT_PARTS, ...MOVING_PARTS],
})
export class AppModule {}
