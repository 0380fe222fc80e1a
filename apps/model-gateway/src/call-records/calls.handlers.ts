import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type Call, callsGet, type RequestOf } from '@purser/contracts';
import { CallRecords } from './call-records.service.js';

@Controller()
export class CallsHandlers {
  constructor(private readonly records: CallRecords) {}

  @Serve(callsGet)
  get({ id }: RequestOf<typeof callsGet>): Promise<Call> {
    return this.records.get(id);
  }
}
