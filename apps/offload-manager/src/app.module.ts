import { Module } from '@nestjs/common';
import { AgentsHandlers } from './agents/agents.handlers.js';
import { EndpointsHandlers } from './endpoints/endpoints.handlers.js';
import { MOVING_PARTS } from './moving/parts.js';
import { VmsHandlers } from './vms/vms.handlers.js';

@Module({ controllers: [VmsHandlers, AgentsHandlers, EndpointsHandlers], providers: [...MOVING_PARTS] })
export class AppModule {}
