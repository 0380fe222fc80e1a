import { maxNano, parseUsd } from '@purser/money';
import type { Log } from '@purser/service';
import type { Config } from '../config.js';
import type { DiskRate, EgressRate, MachineRate, VmPrices } from '../money/vm-prices.js';
import { type ComputePricesFile, loadComputePrices } from './compute-prices-file.js';
import { priceWarnings } from './price-warnings.js';

const MONTH_H = 730n;

/** What platforms charge by the price file. Where nobody knows it is undefined, and the settings have to do. */
export class Prices implements VmPrices {
  private readonly told = new Set<string>();

  constructor(
    private readonly file: ComputePricesFile | undefined,
    private readonly log: Pick<Log, 'warn'>,
  ) {}

  knows(provider: string, machineType: string): boolean {
    const rows = this.rows(this.file?.machines, provider, undefined);
    return rows.some((row) => row.machineType === machineType || row.machineType === '*');
  }

  /** Without a zone, the dearest of all regions: it may come to be in any. */
  rateFor(provider: string, machineType: string, spot: boolean, zone: string | undefined): MachineRate | undefined {
    const rows = this.rows(this.file?.machines, provider, zone);
    const named = rows.filter((row) => row.machineType === machineType);
    // Where it is not known which region, it may be one that only the row of all machines has.
    const everywhere = zone !== undefined ? named.length > 0 : named.some(({ region }) => region === undefined);
    const fitting = everywhere ? named : [...named, ...rows.filter((row) => row.machineType === '*')];
    // A region's own row counts before one of every region.
    const own = fitting.filter(({ region }) => region !== undefined);
    const counting = zone === undefined || own.length === 0 ? fitting : own;
    const prices = counting.map((row) => parseUsd(spot ? row.spotUsdPerHour : row.regularUsdPerHour));
    if (prices.length === 0)
      return this.unknown(`${provider}/${machineType}${zone === undefined ? '' : ` in ${zone}`}`);
    const nanoPerHour = prices.reduce(maxNano);
    return {
      nanoPerHour,
      row: this.id(`${provider}/${machineType}`, spot ? 'spot' : 'regular'),
    };
  }

  diskRateFor(provider: string, zone: string | undefined): DiskRate | undefined {
    const rows = this.rows(this.file?.disks, provider, zone);
    // In one region the first row is that of the disks that are made; without a zone it may be any region's.
    const prices = (zone === undefined ? rows : rows.slice(0, 1)).map((row) => parseUsd(row.usdPerGbMonth));
    if (prices.length === 0) return this.unknown(`a disk of ${provider}${zone === undefined ? '' : ` in ${zone}`}`);
    const month = prices.reduce(maxNano);
    // Rounded up: a month's hours seldom share it out to whole nano-dollars.
    return { nanoPerGbHour: (month + MONTH_H - 1n) / MONTH_H, row: this.id(`${provider}/disk`) };
  }

  egressRateFor(provider: string, zone: string | undefined): EgressRate | undefined {
    const prices = this.rows(this.file?.egress, provider, zone).map((row) => parseUsd(row.usdPerGb));
    return prices.length === 0 ? undefined : { nanoPerGb: prices.reduce(maxNano), row: this.id(`${provider}/egress`) };
  }

  /** Those of the zone's region, and those of every region. */
  private rows<Row extends { provider: string; region?: string | undefined }>(
    all: readonly Row[] | undefined,
    provider: string,
    zone: string | undefined,
  ): Row[] {
    const own = (all ?? []).filter((row) => row.provider === provider);
    if (zone === undefined) return own;
    const exact = own.filter(
      ({ region }) => region !== undefined && (zone === region || zone.startsWith(`${region}-`)),
    );
    return [...exact, ...own.filter(({ region }) => region === undefined)];
  }

  private id(what: string, how?: string): string {
    return `compute-prices.json:${what}${how === undefined ? '' : `:${how}`}@${this.file?.asOf ?? ''}`;
  }

  /** Told once, for it is asked for every minute. */
  private unknown(what: string): undefined {
    if (!this.told.has(what) && this.told.size < 1_000) {
      this.told.add(what);
      this.log.warn({ what }, 'no price is known; the setting counts: give it a row in config/compute-prices.json');
    }
    return undefined;
  }
}

type Settings = Pick<
  Config,
  | 'PURSER_CONFIG_DIR'
  | 'GCP_PROJECT_ID'
  | 'GCP_REGION'
  | 'GCP_ZONE'
  | 'GCP_VM_TYPE'
  | 'SPOT_VM_HOURLY_COST'
  | 'REGULAR_VM_HOURLY_COST'
>;

/** Reads config/compute-prices.json, and warns where it and the settings tell different prices. */
export async function pricesFrom(settings: Settings, log: Log): Promise<Prices> {
  const prices = new Prices(await loadComputePrices(settings.PURSER_CONFIG_DIR), log);
  if (settings.GCP_PROJECT_ID !== undefined)
    for (const warning of priceWarnings(prices, settings)) log.warn({ ...warning.fields }, warning.message);
  return prices;
}
