import { wholeBetween } from '@purser/service';
import { z } from 'zod';

const onOff = (standard: boolean) => z.stringbool('true or false').default(standard);

const amount = (minimum: number, maximum: number, standard: number) => {
  const what = `a number from ${minimum} to ${maximum} such as ${standard}`;
  return z.coerce.number(what).min(minimum, what).max(maximum, what).default(standard);
};

const whole = (minimum: number, maximum: number, standard: number) =>
  wholeBetween(minimum, maximum, `a whole number from ${minimum} to ${maximum} such as ${standard}`).default(standard);

const dollars = (standard: string) =>
  z
    .string()
    .regex(/^\d{1,9}(\.\d{1,9})?$/, `dollars such as ${standard}, at most 9 decimal places`)
    .default(standard);

const usdPerHour = (standard: string) =>
  z
    .string()
    .regex(/^\d{1,6}(\.\d{1,9})?$/, `US dollars an hour such as ${standard}`)
    .default(standard);

/** Resource names of a cloud, so that no setting can change the address of a request. */
const cloudName = z
  .string()
  .regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, 'small letters, digits and "-", such as us-central1-a');

const names = z.string().transform((text) =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== ''),
);

export const PRESETS = ['aggressive-savings', 'balanced', 'performance'] as const;

/** What people who offload know already, by the names that they know. */
export const offloadSettings = {
  HYBRID_ORCHESTRATION_ENABLED: onOff(true),
  /** Everything is looked at, decided and told; nothing is created, moved or deleted. */
  HYBRID_ORCHESTRATION_DRY_RUN: onOff(false),
  /** Other standards for the settings below that are not set. */
  HYBRID_ORCHESTRATION_PRESET: z.enum(PRESETS, `one of ${PRESETS.join(', ')}`).default('balanced'),
  AUTO_DISCOVERY_INTERVAL_SECONDS: whole(1, 86_400, 300),
  HEALTH_CHECK_INTERVAL_SECONDS: whole(1, 3_600, 30),
  ENABLE_AUTO_MIGRATION: onOff(true),
  ENABLE_COST_OPTIMIZATION: onOff(true),
  MIGRATION_WORKER_COUNT: whole(1, 32, 2),
  HEAVY_COMPONENT_RAM_MB: whole(1, 10_000_000, 500),
  OFFLOAD_RAM_THRESHOLD_GB: amount(0, 100_000, 6),
  CRITICAL_RAM_THRESHOLD_GB: amount(0, 100_000, 2),
  MIN_WEIGHT_FOR_OFFLOAD: amount(0, 100, 40),
  MAX_CONCURRENT_MIGRATIONS: whole(1, 32, 3),
  COMPONENT_CACHE_MAX_AGE_DAYS: amount(0, 3_650, 7),
  ENABLE_STATIC_ANALYSIS_PROFILING: onOff(true),
  GCP_PROJECT_ID: z
    .string()
    .regex(/^[a-z]([-a-z0-9:.]{0,61}[a-z0-9])?$/, "a project's id such as my-project-123")
    .optional(),
  GCP_REGION: cloudName.default('us-central1'),
  GCP_ZONE: cloudName.default('us-central1-a'),
  GCP_VM_TYPE: cloudName.default('e2-highmem-4'),
  SPOT_VM_HOURLY_COST: usdPerHour('0.029'),
  REGULAR_VM_HOURLY_COST: usdPerHour('0.120'),
  MAX_VM_LIFETIME_HOURS: amount(0.01, 120, 2.5),
  /** What a VM may send out; its price is held with the VM's own. */
  PURSER_VM_EGRESS_GB: amount(0.01, 100_000, 2),
  /** Whoever may submit a task may spend on VMs then, within its budgets. */
  PURSER_SESSION_VMS: onOff(false),
  PURSER_SESSION_VM_IMAGES: names.optional(),
  ORPHANED_VM_MAX_AGE_HOURS: amount(0, 8_760, 6),
  CLEANUP_CHECK_INTERVAL_HOURS: amount(0.0002, 8_760, 6),
  ENABLE_AUTO_CLEANUP: onOff(true),
  ENABLE_COST_FORECASTING: onOff(true),
  MAX_LOCAL_RAM_PERCENT: amount(1, 100, 85),
  MIN_GCP_ROUTING_RATIO: amount(0, 1, 0.1),
  /** Shared with the watchdog, which tells people; here they stand beside what was spent. */
  COST_ALERT_DAILY: dollars('1.00'),
  COST_ALERT_WEEKLY: dollars('5.00'),
  COST_ALERT_MONTHLY: dollars('20.00'),
};
