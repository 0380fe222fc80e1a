import { Controller, type Type } from '@nestjs/common';
import { type Operation, servedBy, type ServiceName } from '@purser/contracts';
import { Serve } from './handlers.js';

/** A controller that serves what a service must serve to boot, but what the spec serves itself. */
export function standIns(service: ServiceName, served: readonly Operation[]): Type {
  @Controller()
  class StandIns {}
  for (const contract of servedBy(service)) {
    if (contract.kind !== 'operation' || served.includes(contract)) continue;
    const value = () => Promise.resolve({});
    Object.defineProperty(StandIns.prototype, contract.name, { value });
    Serve(contract)(StandIns.prototype, contract.name, { value });
  }
  return StandIns;
}
