import { Module } from '@nestjs/common';
import { ComponentsHandlers } from './components/components.handlers.js';
import { COMPONENT_PARTS } from './components/parts.js';
import { VmsHandlers } from './vms/vms.handlers.js';

@Module({ controllers: [VmsHandlers, ComponentsHandlers], providers: [...COMPONENT_PARTS] })
export class AppModule {}
