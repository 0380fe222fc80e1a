/** Which request; `instances.insert`, `operations.get`, `disks.aggregatedList` and so on. */
export type Call = `${string}.${string}`;

export type Fault =
  /** Nothing is done, and it says so. */
  | { status: number; reason: string; message: string }
  /** Taken, and then the operation fails with nothing done. */
  | { operation: string; message: string }
  /** The connection ends: before anything is done, or after it was. */
  | 'lost-before'
  | 'lost-after'
  /** It is done, but the answer says that something went wrong. */
  | '503-after'
  /** It is taken and never answered, and not done. */
  | 'hang';

/** What is to meet requests, in the order in which it was said. */
export class Faults {
  private readonly planned: { call: Call; fault: Fault; times: number }[] = [];

  plan(call: Call, fault: Fault, times: number): void {
    this.planned.push({ call, fault, times });
  }

  clear(): void {
    this.planned.length = 0;
  }

  next(call: Call): Fault | undefined {
    const index = this.planned.findIndex((one) => one.call === call || one.call === '*.*');
    const found = this.planned[index];
    if (!found) return undefined;
    found.times -= 1;
    if (found.times <= 0) this.planned.splice(index, 1);
    return found.fault;
  }
}
