import { Injectable } from '@nestjs/common';
import type { ComputeDriver } from '@purser/plugin-sdk';

/** Where VMs can be had, and which of these places is asked for new ones. Filled at the start, before anything is served. */
@Injectable()
export class ActiveDriver {
  /** Why new VMs come from where they come from, or why there are none. */
  why = 'no compute driver is configured in plugins.json';
  /** What the operator has set up and does not work; a place for VMs that nobody has asked for is none. */
  problems: readonly string[] = [];
  private active: ComputeDriver | undefined;
  private byProvider = new Map<string, ComputeDriver>();

  use(
    drivers: readonly ComputeDriver[],
    active: ComputeDriver | undefined,
    why: string,
    problems: readonly string[] = [],
  ): void {
    this.byProvider = new Map(drivers.map((driver) => [driver.provider, driver]));
    this.active = active;
    this.why = why;
    this.problems = problems;
  }

  get(): ComputeDriver | undefined {
    return this.active;
  }

  /** Also of a place that is no longer asked for new ones: what was made there must be looked after. */
  of(provider: string): ComputeDriver | undefined {
    return this.byProvider.get(provider);
  }

  all(): ComputeDriver[] {
    return [...this.byProvider.values()];
  }
}
