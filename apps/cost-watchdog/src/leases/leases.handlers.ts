import { Controller } from '@nestjs/common';
import { Hear, Serve } from '@purser/bus';
import {
  type Heartbeat,
  heartbeat,
  leasesGrant,
  leasesPresumed,
  leasesRead,
  leasesRelease,
  leasesReturn,
  type ReplyOf,
  type RequestOf,
  type ServiceName,
} from '@purser/contracts';
import { LeasesService } from './leases.service.js';
import { LostGateways } from './lost-gateways.service.js';
import { Presence } from './presence.js';
import { ReleasesService } from './releases.service.js';

@Controller()
export class LeasesHandlers {
  constructor(
    private readonly leases: LeasesService,
    private readonly lost: LostGateways,
    private readonly releases: ReleasesService,
    private readonly presence: Presence,
  ) {}

  @Serve(leasesGrant)
  grant(request: RequestOf<typeof leasesGrant>): Promise<ReplyOf<typeof leasesGrant>> {
    return this.leases.grant(request);
  }

  @Serve(leasesReturn)
  giveBack(request: RequestOf<typeof leasesReturn>): Promise<ReplyOf<typeof leasesReturn>> {
    return this.leases.giveBack(request);
  }

  @Serve(leasesRead)
  read(request: RequestOf<typeof leasesRead>): Promise<ReplyOf<typeof leasesRead>> {
    return this.leases.read(request);
  }

  @Serve(leasesPresumed)
  presumed(request: RequestOf<typeof leasesPresumed>): Promise<ReplyOf<typeof leasesPresumed>> {
    return this.lost.list(request);
  }

  @Serve(leasesRelease)
  release(request: RequestOf<typeof leasesRelease>): Promise<ReplyOf<typeof leasesRelease>> {
    return this.releases.release(request);
  }

  @Hear(heartbeat, { under: 'model-gateway' satisfies ServiceName })
  hear(beat: Heartbeat): Promise<void> {
    this.presence.hear(beat);
    return Promise.resolve();
  }

  @Hear(heartbeat, { under: 'offload-manager' satisfies ServiceName })
  hearOffloading(beat: Heartbeat): Promise<void> {
    this.presence.hear(beat);
    return Promise.resolve();
  }
}
