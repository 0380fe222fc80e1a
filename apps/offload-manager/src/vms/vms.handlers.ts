import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type Vm, vmsList } from '@purser/contracts';

@Controller()
export class VmsHandlers {
  /** No compute driver is built yet, so there is no way for a VM to come into being. */
  @Serve(vmsList)
  list(): Promise<{ vms: Vm[] }> {
    return Promise.resolve({ vms: [] });
  }
}
