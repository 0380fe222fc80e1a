import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type ReplyOf, type RequestOf, type Vm, vmsDelete, vmsGet, vmsList, vmsReap } from '@purser/contracts';
import { Reaper } from '../reaping/reaper.service.js';
import { Strays } from '../reaping/strays.service.js';
import { ActiveDriver } from './active-driver.js';
import { VmsService } from './vms.service.js';

@Controller()
export class VmsHandlers {
  constructor(
    private readonly vms: VmsService,
    private readonly strays: Strays,
    private readonly reaper: Reaper,
    private readonly drivers: ActiveDriver,
  ) {}

  @Serve(vmsList)
  async list(request: RequestOf<typeof vmsList>): Promise<ReplyOf<typeof vmsList>> {
    return { vms: await this.vms.list(request), strays: await this.strays.list() };
  }

  @Serve(vmsGet)
  get({ id }: RequestOf<typeof vmsGet>): Promise<Vm> {
    return this.vms.get(id);
  }

  @Serve(vmsDelete)
  delete({ id, by, reason }: RequestOf<typeof vmsDelete>): Promise<Vm> {
    return this.vms.remove(id, `${reason} (by ${by})`);
  }

  @Serve(vmsReap)
  async reap(): Promise<ReplyOf<typeof vmsReap>> {
    const { found, unsearched, secondLookAt } = await this.reaper.look();
    const failed = new Set(unsearched.map(({ provider }) => provider));
    return {
      secondLookAt: secondLookAt.toISOString(),
      searched: this.drivers
        .all()
        .map(({ provider }) => provider)
        .filter((provider) => !failed.has(provider)),
      unsearched,
      found: found.map(({ provider, reason, resource: { kind, name, zone, createdAt } }) => ({
        provider,
        kind,
        name,
        zone,
        createdAt: createdAt.toISOString(),
        reason,
      })),
    };
  }
}
