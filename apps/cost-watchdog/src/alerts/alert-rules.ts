import { Agenda } from './agenda.js';
import { AlertEngine } from './alert-engine.service.js';
import { AlertExpiry } from './alert-expiry.service.js';
import { AlertsRepository } from './alerts.repository.js';
import { AlertsService } from './alerts.service.js';
import { BundlingService } from './bundling.service.js';
import { ChannelHealth } from './channel-health.service.js';
import { ChannelRegistry } from './channel-registry.service.js';
import { ChannelStates } from './channel-states.service.js';
import { ChannelTests } from './channel-tests.service.js';
import { Channels } from './channels.js';
import { ChannelsRepository } from './channels.repository.js';
import { DailyReport } from './daily-report.service.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { DeliveryService } from './delivery.service.js';
import { ReportDesk } from './report-desk.service.js';
import { ReportRepository } from './report.repository.js';
import { Shouting } from './shouting.service.js';
import { TellingService } from './telling.service.js';
import { TellingsRepository } from './tellings.repository.js';

/** All of alerts that needs neither a clock's ticks nor configuration files. */
export const ALERT_RULES = [
  AlertsRepository,
  TellingsRepository,
  DeliveriesRepository,
  ChannelsRepository,
  ReportRepository,
  Agenda,
  Channels,
  AlertEngine,
  Shouting,
  AlertsService,
  ChannelHealth,
  ChannelRegistry,
  ChannelStates,
  ChannelTests,
  BundlingService,
  DeliveryService,
  TellingService,
  AlertExpiry,
  ReportDesk,
  DailyReport,
];
