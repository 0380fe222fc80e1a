import { Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { Log } from '@purser/service';
import { Cancellation } from './cancellation.js';

/** Made once: a stack for every call would cost more than the call's other bookkeeping. */
const OVER = new Error('the call is over');

/** One call of a client, over all its attempts. */
export class CallInFlight extends Cancellation {
  /** Whether an attempt is under way that costs money. */
  paying = false;
  private readonly afterwards: (() => void)[] = [];

  constructor(
    private readonly ended: (call: CallInFlight) => void,
    report: (error: unknown) => void,
  ) {
    super(report);
  }

  /** When the client has all that it gets. */
  whenEnded(work: () => void): void {
    this.afterwards.push(work);
  }

  /** Whatever is still under way for it is cancelled. */
  end(): void {
    this.abort(OVER);
    for (const work of this.afterwards) work();
    this.ended(this);
  }
}

/** The client went away; there is nobody to answer. */
export class ClientGone extends Error {
  constructor() {
    super('the client closed the connection');
    this.name = 'ClientGone';
  }
}

@Injectable()
export class CallsInFlight {
  private readonly calls = new Set<CallInFlight>();
  private readonly waiting: (() => void)[] = [];
  private closed = false;

  constructor(private readonly log: Log) {}

  open(): CallInFlight {
    if (this.closed)
      throw new PurserError('unavailable', { message: 'this gateway is stopping; try again, another one may answer' });
    const call = new CallInFlight(
      (ended) => this.remove(ended),
      (error) => this.log.error({ error }, 'what follows the early end of a call failed'),
    );
    this.calls.add(call);
    return call;
  }

  /** Refuses new calls from now on. */
  close(): void {
    this.closed = true;
  }

  /** Ends all that are under way, and says how many there were. */
  abortAll(reason: Error): { paid: number; free: number } {
    const all = [...this.calls];
    const paid = all.filter(({ paying }) => paying).length;
    for (const call of all) call.abort(reason);
    return { paid, free: all.length - paid };
  }

  /** Resolves to whether all had ended within the time. */
  async quiet(timeoutMs: number): Promise<boolean> {
    if (this.calls.size === 0) return true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    await Promise.race([new Promise<void>((resolve) => this.waiting.push(resolve)), late]);
    clearTimeout(timer);
    return this.calls.size === 0;
  }

  private remove(call: CallInFlight): void {
    this.calls.delete(call);
    if (this.calls.size === 0) for (const resolve of this.waiting.splice(0)) resolve();
  }
}
