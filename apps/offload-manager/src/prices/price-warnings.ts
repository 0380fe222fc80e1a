import { formatUsd, maxNano, minNano, type Nano, parseUsd } from '@purser/money';
import type { Config } from '../config.js';
import type { VmPrices } from '../money/vm-prices.js';
import { offloadSettings } from '../settings/offload-settings.js';

type Settings = Pick<
  Config,
  'GCP_REGION' | 'GCP_ZONE' | 'GCP_VM_TYPE' | 'SPOT_VM_HOURLY_COST' | 'REGULAR_VM_HOURLY_COST'
>;

const STANDARD_ZONE = offloadSettings.GCP_ZONE.parse(undefined);

/** Of the two, whoever has set the region alone has no VM in the standard zone of another one. */
const whereVmsAre = ({ GCP_REGION: region, GCP_ZONE: zone }: Settings): string =>
  zone === STANDARD_ZONE && !zone.startsWith(`${region}-`) ? region : zone;

const differ = (a: Nano, b: Nano): boolean => maxNano(a, b) * 100n > minNano(a, b) * 120n;

/** Of the machine that is standard, where the price row and the setting are more than a fifth apart. */
export function priceWarnings(prices: VmPrices, settings: Settings): { message: string; fields: object }[] {
  const { GCP_VM_TYPE: machineType } = settings;
  const zone = whereVmsAre(settings);
  return (['SPOT_VM_HOURLY_COST', 'REGULAR_VM_HOURLY_COST'] as const).flatMap((setting) => {
    const rate = prices.rateFor('gcp', machineType, setting === 'SPOT_VM_HOURLY_COST', zone);
    const set = parseUsd(settings[setting]);
    if (!rate || !differ(rate.nanoPerHour, set)) return [];
    const message = 'the price row and the setting are more than 20 % apart; the higher is held from budgets';
    const fields = {
      setting,
      setUsdPerHour: formatUsd(set),
      rowUsdPerHour: formatUsd(rate.nanoPerHour),
      row: rate.row,
    };
    return [{ message, fields: { ...fields, machineType } }];
  });
}
