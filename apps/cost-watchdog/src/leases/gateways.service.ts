import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { formatUsd, type Nano } from '@purser/money';
import { Clock } from '@purser/service';
import { AlertsService } from '../alerts/alerts.service.js';
import { WindowChanges } from '../windows/window-changes.js';
import { WindowsRepository } from '../windows/windows.repository.js';
import { LeasesRepository } from './leases.repository.js';
import { Presence } from './presence.js';

/** While the same gateways are alive, every so-manieth judgement looks all the same: one that is not heard may have a new lease. */
const LOOK_AFTER_CHANGES = 5;
/** Also where nothing has changed here: another watchdog may have granted it, or see it otherwise. */
const LOOK_ANYWAY = 60;

/**
 * What a dead gateway holds stays leased, which counts against the limit all the same; marking it `presumed` only says
 * so. Hence nothing has to be fenced: a gateway that was merely cut off goes on with money that is still set aside for
 * it, and by its next heartbeat the mark is gone. Only a person may decide otherwise: see ReleasesService.
 */
@Injectable()
export class GatewaysService {
  private judgements = 0;
  /** Who was alive when the leases were last looked through, and whether their silence meant something. */
  private judged: string | undefined;
  private changesJudged = 0;

  constructor(
    private readonly presence: Presence,
    private readonly changes: WindowChanges,
    private readonly database: Database,
    private readonly leases: LeasesRepository,
    private readonly windows: WindowsRepository,
    private readonly alerts: AlertsService,
    private readonly clock: Clock,
  ) {}

  liveCount(): number {
    return this.presence.alive().length;
  }

  /** Once a second. Asks the database only when a gateway fell silent or was heard again, and now and then. */
  async judge(): Promise<void> {
    const certain = this.presence.canJudge();
    const alive = this.presence.alive().sort();
    const view = JSON.stringify([certain, alive]);
    const { count } = this.changes;
    const every = count === this.changesJudged ? LOOK_ANYWAY : LOOK_AFTER_CHANGES;
    if (view === this.judged && ++this.judgements % every !== 0) return;
    await this.areBack(alive);
    if (certain) await this.presume(alive);
    this.judged = view;
    this.changesJudged = count;
  }

  /** These were heard of: what they hold is held again, no longer presumed spent. */
  async areBack(gateways: readonly string[]): Promise<void> {
    const windowIds = await this.leases.presumedOf(this.database, gateways);
    if (windowIds.length === 0) return;
    await this.changes.commit(async (tx, touched) => {
      await this.windows.lockRows(tx, windowIds);
      await this.leases.areBack(tx, windowIds, gateways);
      for (const gateway of gateways) await this.alerts.resolve(tx, 'lease_presumed', gateway, 'the gateway is back');
      touched.add(...windowIds);
    });
  }

  private async presume(alive: readonly string[]): Promise<void> {
    const windowIds = await this.leases.heldByOthers(this.database, alive);
    if (windowIds.length === 0) return;
    await this.changes.commit(async (tx, touched) => {
      await this.windows.lockRows(tx, windowIds);
      const byGateway = new Map<string, { windowId: string; nano: Nano }[]>();
      for (const { gateway, window_id, nano } of await this.leases.presume(tx, windowIds, alive, this.clock.now())) {
        touched.add(window_id);
        byGateway.set(gateway, [...(byGateway.get(gateway) ?? []), { windowId: window_id.toString(), nano }]);
      }
      for (const [gateway, held] of byGateway) {
        await this.alerts.add(tx, {
          severity: 'warning',
          kind: 'lease_presumed',
          title: `Gateway ${gateway} is silent; what it holds of ${held.length} budget window(s) is presumed spent until it comes back`,
          details: { gateway, windows: held.map(({ windowId, nano }) => ({ windowId, presumedUsd: formatUsd(nano) })) },
          about: gateway,
        });
      }
    });
  }
}
