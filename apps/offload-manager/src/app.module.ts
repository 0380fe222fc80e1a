import { Module } from '@nestjs/common';
import { CONFIG, Log } from '@purser/service';
import { EmergencyService } from './emergency/emergency.service.js';
import { BillingRepository } from './money/billing.repository.js';
import { Billing } from './money/billing.service.js';
import { VmMoney } from './money/vm-money.service.js';
import { VmPrices } from './money/vm-prices.js';
import { VmRates } from './money/vm-rates.js';
import { WatchdogDesk } from './money/watchdog-desk.js';
import { pricesFrom } from './prices/prices.js';
import { Reaper } from './reaping/reaper.service.js';
import { StraysRepository } from './reaping/strays.repository.js';
import { Strays } from './reaping/strays.service.js';
import { Sweeps } from './sweeps.js';
import { ActiveDriver } from './vms/active-driver.js';
import { NO_CREDENTIALS } from './vms/no-credentials.js';
import { Platform } from './vms/platform.js';
import { Reconciler } from './vms/reconciler.service.js';
import { VM_CREDENTIALS } from './vms/vm-credentials.js';
import { VmCreation } from './vms/vm-creation.js';
import { VmGate } from './vms/vm-gate.js';
import { VmRecords } from './vms/vm-records.js';
import { VmRules } from './vms/vm-rules.js';
import { VmSteps } from './vms/vm-steps.js';
import { VmsHandlers } from './vms/vms.handlers.js';
import { VmsRepository } from './vms/vms.repository.js';
import { VmsService } from './vms/vms.service.js';
import { Zones } from './vms/zones.js';

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
  StraysRepository,
  Strays,
  Reaper,
  EmergencyService,
];

@Module({
  controllers: [VmsHandlers],
  providers: [
    ...VM_PROVIDERS,
    { provide: VmPrices, inject: [CONFIG, Log], useFactory: pricesFrom },
    { provide: VM_CREDENTIALS, useValue: NO_CREDENTIALS },
    Sweeps,
  ],
})
export class AppModule {}
