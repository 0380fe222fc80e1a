import { setTimeout as pause } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { BudgetStatus } from '@purser/contracts';
import { minNano, type Nano, parseUsd } from '@purser/money';
import type { ComputeDriver, MachineType } from '@purser/plugin-sdk';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { VmRates } from '../money/vm-rates.js';
import { WatchdogDesk } from '../money/watchdog-desk.js';
import { ActiveDriver } from '../vms/active-driver.js';
import { VM_CREDENTIALS, type VmCredentials } from '../vms/vm-credentials.js';
import type { Compute, VmMarket } from './ports.js';
import { PreemptionsRepository } from './preemptions.repository.js';
import type { Market, Offer } from './situation.js';

const CALL_MS = 20_000;
const SOON_MS = 2_500;
/** What machines there are changes rarely; whether one could be made is asked again sooner. */
const TYPES_MS = 600_000;
const CHECK_MS = 60_000;
/** Of a disk as most components have it; the VM itself is held for with its own. */
const DISK_GB = 20;

/** Machines of the active driver at their prices, and what budgets have left for them. */
@Injectable()
export class DriverMarket implements VmMarket {
  private types: { of: ComputeDriver; at: number; all: MachineType[] } | undefined;
  private checked: { of: ComputeDriver; at: number; problem: Promise<string | undefined> } | undefined;
  /** By the last check that has ended. */
  private known: { of: ComputeDriver; problem: string | undefined } | undefined;

  constructor(
    private readonly drivers: ActiveDriver,
    @Inject(VM_CREDENTIALS) private readonly credentials: VmCredentials,
    private readonly rates: VmRates,
    private readonly desk: WatchdogDesk,
    private readonly preemptions: PreemptionsRepository,
    @Inject(CONFIG)
    private readonly config: Pick<Config, 'PURSER_OFFLOAD_SAME_MACHINE' | 'HYBRID_ORCHESTRATION_ENABLED'>,
  ) {}

  /** For people, who do not wait for a cloud: of one that takes long, what it said last. Nobody asks one that is not to be used. */
  async compute(): Promise<Compute> {
    const driver = this.drivers.get();
    const { why, problems } = this.drivers;
    const problem = driver && this.config.HYBRID_ORCHESTRATION_ENABLED ? await this.problemSoon(driver) : undefined;
    const all = [...problems, ...(problem === undefined ? [] : [problem])];
    return { provider: driver?.provider ?? null, why, problem: all.length === 0 ? null : all.join('; ') };
  }

  pointless(): string | undefined {
    const driver = this.drivers.get();
    return driver === undefined || this.config.PURSER_OFFLOAD_SAME_MACHINE ? undefined : pointlessAt(driver);
  }

  async look(now: Date): Promise<Market> {
    const driver = this.drivers.get();
    const none = (hindrance: string): Market => ({ offers: [], affordable: undefined, hindrance, preemptions: 0 });
    if (driver === undefined) return none(this.drivers.why);
    try {
      const problem = await this.problemOf(driver);
      if (problem !== undefined) return none(problem);
      const offers = (await this.typesOf(driver))
        .filter(({ name }) => this.rates.isPriced(driver.provider, name))
        .map((type) => this.offer(driver.provider, type));
      const free = offers.every(({ regularWorstCase }) => regularWorstCase === 0n);
      const affordable = free ? undefined : leftFor(driver.provider, await this.desk.budgets());
      const preemptions = await this.preemptions.within(now);
      return { offers, affordable, hindrance: undefined, preemptions, pointless: this.pointless() };
    } catch (error) {
      return none(wordsOf(error));
    }
  }

  private problemOf(driver: ComputeDriver): Promise<string | undefined> {
    if (this.checked?.of !== driver || performance.now() - this.checked.at > CHECK_MS)
      this.checked = { of: driver, at: performance.now(), problem: this.check(driver) };
    return this.checked.problem;
  }

  private async problemSoon(driver: ComputeDriver): Promise<string | undefined> {
    const over = new AbortController();
    const late = pause(SOON_MS, undefined, { signal: over.signal }).then(() =>
      this.known?.of === driver
        ? this.known.problem
        : `${driver.provider} has not said yet whether VMs can be made there`,
    );
    try {
      return await Promise.race([this.problemOf(driver), late]);
    } finally {
      over.abort();
    }
  }

  private async check(driver: ComputeDriver): Promise<string | undefined> {
    const problem = await driver
      .check({ signal: AbortSignal.timeout(CALL_MS) })
      .then(() => this.credentials.check())
      .then(() => undefined, wordsOf);
    this.known = { of: driver, problem };
    return problem;
  }

  private async typesOf(driver: ComputeDriver): Promise<MachineType[]> {
    if (this.types?.of !== driver || performance.now() - this.types.at > TYPES_MS) {
      const signal = AbortSignal.timeout(CALL_MS);
      const [zone] = await driver.zones({ signal });
      const all = zone === undefined ? [] : await driver.machineTypes(zone, { signal });
      this.types = { of: driver, at: performance.now(), all };
    }
    return this.types.all;
  }

  private offer(provider: string, { name, memoryMb }: MachineType): Offer {
    const costing = (spot: boolean) => ({ provider, zone: undefined, machineType: name, spot, diskGb: DISK_GB });
    return {
      machineType: name,
      memoryMb,
      spotPerHour: this.rates.rate(costing(true)).nanoPerHour,
      regularPerHour: this.rates.rate(costing(false)).nanoPerHour,
      spotWorstCase: this.rates.worstCase(costing(true)),
      regularWorstCase: this.rates.worstCase(costing(false)),
    };
  }
}

const pointlessAt = ({ provider, sameMachine }: ComputeDriver): string | undefined =>
  sameMachine === true
    ? `VMs of ${provider} take the memory of this same machine, so that a move frees nothing: use another machine's Docker ` +
      '(docs/guides/compute.md#docker-instead), or set PURSER_OFFLOAD_SAME_MACHINE=true to move all the same (with compose ' +
      'in .env, and docker compose up -d after it)'
    : undefined;

/** The least that any budget has left which counts a VM. What is decided by it is held for certain when the VM is requested. */
function leftFor(provider: string, budgets: readonly BudgetStatus[]): Nano | undefined {
  const left = budgets
    .filter(({ scope: { provider: of, ...others } }) => {
      const isOthers = Object.values(others).some((one) => one !== undefined);
      return !isOthers && (of === undefined || of === provider);
    })
    .map(({ window }) => parseUsd(window.unreservedUsd ?? window.remainingUsd));
  return left.length === 0 ? undefined : left.reduce(minNano);
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
