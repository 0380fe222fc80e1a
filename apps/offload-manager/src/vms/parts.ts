import { CONFIG, Log } from '@purser/service';
import { EmergencyService } from '../emergency/emergency.service.js';
import { BillingRepository } from '../money/billing.repository.js';
import { Billing } from '../money/billing.service.js';
import { TrafficRepository } from '../money/traffic.repository.js';
import { VmMoney } from '../money/vm-money.service.js';
import { VmPrices } from '../money/vm-prices.js';
import { VmRates } from '../money/vm-rates.js';
import { WatchdogDesk } from '../money/watchdog-desk.js';
import { pricesFrom } from '../prices/prices.js';
import { Reaper } from '../reaping/reaper.service.js';
import { StraysRepository } from '../reaping/strays.repository.js';
import { Strays } from '../reaping/strays.service.js';
import { ActiveDriver } from './active-driver.js';
import { Platform } from './platform.js';
import { Reconciler } from './reconciler.service.js';
import { VmCreation } from './vm-creation.js';
import { VmGate } from './vm-gate.js';
import { VmRecords } from './vm-records.js';
import { VmRules } from './vm-rules.js';
import { VmSteps } from './vm-steps.js';
import { VmsRepository } from './vms.repository.js';
import { VmsService } from './vms.service.js';
import { Zones } from './zones.js';

/** The life of VMs, and what it costs. */
export const VM_PROVIDERS = [
  ActiveDriver,
  Platform,
  VmsRepository,
  VmRecords,
  VmRules,
  VmGate,
  Zones,
  VmCreation,
  VmSteps,
  Reconciler,
  VmsService,
  WatchdogDesk,
  VmRates,
  VmMoney,
  BillingRepository,
  Billing,
  TrafficRepository,
  StraysRepository,
  Strays,
  Reaper,
  EmergencyService,
];

/** With what comes from files. */
export const VM_PARTS = [...VM_PROVIDERS, { provide: VmPrices, inject: [CONFIG, Log], useFactory: pricesFrom }];
