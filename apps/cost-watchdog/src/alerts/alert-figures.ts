import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AlertSeverity } from '@purser/contracts';
import { Database } from '@purser/database';
import { Metrics, Readiness } from '@purser/service';
import { AlertsRepository } from './alerts.repository.js';
import { ChannelStates } from './channel-states.service.js';

/** What metrics and health tell of alerts and channels. */
@Injectable()
export class AlertFigures implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly alerts: AlertsRepository,
    private readonly states: ChannelStates,
    private readonly metrics: Metrics,
    private readonly readiness: Readiness,
  ) {}

  onModuleInit(): void {
    this.metrics.gauge('purser_alerts_firing', 'Open alerts', ['severity'], async (gauge) => {
      const rows = await this.alerts.firingBySeverity(this.database);
      for (const severity of AlertSeverity.options)
        gauge.set({ severity }, Number(rows.find((row) => row.severity === severity)?.n ?? 0n));
    });
    this.metrics.gauge(
      'purser_alert_channel_up',
      '0 for a channel that reaches nobody, else 1',
      ['channel'],
      async (gauge) => {
        gauge.reset();
        for (const { name, state } of await this.states.list())
          gauge.set({ channel: name }, state === 'dead' || state === 'unusable' ? 0 : 1);
      },
    );
    // Shown, not counted: without mail the watchdog does its work all the same.
    this.readiness.tell('channels', async () => {
      const dead = await this.states.dead();
      return dead.length === 0 ? 'ok' : `${dead.join(', ')}: reaching nobody; see "purser alerts channels"`;
    });
  }
}
