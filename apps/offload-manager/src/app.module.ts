import { Module } from '@nestjs/common';
import { ComponentsHandlers } from './components/components.handlers.js';
import { COMPONENT_PARTS } from './components/parts.js';
import { DECIDING_PARTS } from './deciding/parts.js';
import { OffloadHandlers } from './status/offload.handlers.js';
import { VmsHandlers } from './vms/vms.handlers.js';

@Module({
  controllers: [VmsHandlers, ComponentsHandlers, OffloadHandlers],
  providers: [...COMPONENT_PARTS, ...DECIDING_PARTS],
})
export class AppModule {}
