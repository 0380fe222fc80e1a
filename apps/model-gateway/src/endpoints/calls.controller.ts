import { Controller, Get, Inject, Param, Req } from '@nestjs/common';
import type { Call } from '@purser/contracts';
import type { FastifyRequest } from 'fastify';
import { CallRecords } from '../call-records/call-records.service.js';
import { Authenticator } from '../keys/authenticator.js';

/** What became of a call, for the key that made it. */
@Controller('v1')
export class CallsController {
  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    private readonly records: CallRecords,
  ) {}

  @Get('calls/:id')
  async call(@Req() { headers }: FastifyRequest, @Param('id') id: string): Promise<Call> {
    const { key } = await this.authenticator.identify(headers);
    return this.records.get(id, key);
  }
}
