import { Injectable } from '@nestjs/common';
import type { leasesRelease, ReplyOf, RequestOf } from '@purser/contracts';
import { AlertsService } from '../alerts/alerts.service.js';
import { WindowChanges } from '../windows/window-changes.js';
import { LostGateways } from './lost-gateways.service.js';
import { RecallService } from './recall.service.js';
import { releaseOf, ReleasesRepository } from './releases.repository.js';

/** A person decides that a lost gateway does not come back, and that what it holds is not spent. ADR 0004 has the reasoning. */
@Injectable()
export class ReleasesService {
  constructor(
    private readonly changes: WindowChanges,
    private readonly lost: LostGateways,
    private readonly releases: ReleasesRepository,
    private readonly recalls: RecallService,
    private readonly alerts: AlertsService,
  ) {}

  async release(request: RequestOf<typeof leasesRelease>): Promise<ReplyOf<typeof leasesRelease>> {
    const { gateway, by, reason } = request;
    const rows = await this.changes.commit(async (tx, touched) => {
      const { windowIds, now } = await this.lost.lock(tx, gateway);
      const released = await this.releases.release(tx, request, windowIds, now);
      touched.add(...released.map((row) => row.window_id));
      if (released.length > 0) {
        await this.alerts.add(tx, {
          severity: 'info',
          kind: 'lease_released',
          title: `What lost gateway ${gateway} held of ${released.length} budget window(s) was released by ${by}: ${reason}`,
          details: { gateway, released: released.map(releaseOf) },
          about: gateway,
        });
      }
      return released;
    });
    if (rows.length > 0) await this.recalls.afterRelease(rows.map((row) => row.window_id));
    return { gateway, released: rows.map(releaseOf) };
  }
}
