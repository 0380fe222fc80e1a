import { parseConfig } from '@purser/service';
import { Config } from '../config.js';
import { PRESETS } from './offload-settings.js';
import { withPreset } from './presets.js';

const given = { PURSER_NATS_URL: 'nats://127.0.0.1:1', PURSER_DATABASE_URL: 'postgres://127.0.0.1:1/none' };
const parsed = (env: Record<string, string>) => parseConfig(Config, withPreset({ ...given, ...env }));

describe('presets', () => {
  it('are other standards, and what is set itself wins', () => {
    expect(parsed({})).toMatchObject({ OFFLOAD_RAM_THRESHOLD_GB: 6, MIN_WEIGHT_FOR_OFFLOAD: 40 });
    const HYBRID_ORCHESTRATION_PRESET = 'performance';
    expect(parsed({ HYBRID_ORCHESTRATION_PRESET })).toMatchObject({
      OFFLOAD_RAM_THRESHOLD_GB: 10,
      ENABLE_COST_OPTIMIZATION: false,
    });
    expect(
      parsed({ HYBRID_ORCHESTRATION_PRESET, OFFLOAD_RAM_THRESHOLD_GB: '7', MAX_LOCAL_RAM_PERCENT: '' }),
    ).toMatchObject({ OFFLOAD_RAM_THRESHOLD_GB: 7, MAX_LOCAL_RAM_PERCENT: 70 });
  });

  it.each(PRESETS)('%s is valid', (HYBRID_ORCHESTRATION_PRESET) => {
    expect(parsed({ HYBRID_ORCHESTRATION_PRESET }).HYBRID_ORCHESTRATION_PRESET).toBe(HYBRID_ORCHESTRATION_PRESET);
  });

  it('that do not exist are refused by their names', () => {
    expect(() => parsed({ HYBRID_ORCHESTRATION_PRESET: 'cheap' })).toThrow('one of aggressive-savings, balanced');
  });
});
