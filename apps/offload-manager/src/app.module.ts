import { Module } from '@nestjs/common';
import { VmsHandlers } from './vms/vms.handlers.js';

@Module({ controllers: [VmsHandlers] })
export class AppModule {}
