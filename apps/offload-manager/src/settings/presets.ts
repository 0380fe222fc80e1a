import type { Environment } from '@purser/service';

/** Other standards than those of `balanced`, which are the ones in the schema. Whatever is set itself wins. */
const PRESETS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'aggressive-savings': {
    // VMs late and for a short time, and home as soon as there is room.
    OFFLOAD_RAM_THRESHOLD_GB: '3.0',
    CRITICAL_RAM_THRESHOLD_GB: '1.0',
    MAX_LOCAL_RAM_PERCENT: '92',
    MIN_WEIGHT_FOR_OFFLOAD: '55',
    MAX_VM_LIFETIME_HOURS: '1',
    MAX_CONCURRENT_MIGRATIONS: '1',
    MIN_GCP_ROUTING_RATIO: '0',
    PURSER_OFFLOAD_DWELL_SECONDS: '120',
  },
  performance: {
    // Memory here stays free, on machines that are not taken away.
    OFFLOAD_RAM_THRESHOLD_GB: '10.0',
    CRITICAL_RAM_THRESHOLD_GB: '4.0',
    MAX_LOCAL_RAM_PERCENT: '70',
    MIN_WEIGHT_FOR_OFFLOAD: '25',
    MAX_VM_LIFETIME_HOURS: '5',
    ENABLE_COST_OPTIMIZATION: 'false',
    MIN_GCP_ROUTING_RATIO: '0.3',
    PURSER_OFFLOAD_DWELL_SECONDS: '600',
  },
};

/** The environment, with what the preset says of settings that are not in it. */
export function withPreset(env: Environment): Environment {
  const preset = PRESETS[env.HYBRID_ORCHESTRATION_PRESET ?? ''] ?? {};
  const set = Object.entries(env).filter(([, value]) => value !== undefined && value !== '');
  return { ...env, ...preset, ...Object.fromEntries(set) };
}
