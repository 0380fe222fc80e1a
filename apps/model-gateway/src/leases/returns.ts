import type { Log } from '@purser/service';
import type { Journal } from '../journal/journal.js';
import type { LeaseDesk } from './lease-desk.js';
import type { LeaseAccount, Wallet } from './wallet.js';

/** Gives leases back: first in the journal, then in memory, then to the watchdog, as often as it takes. */
export class Returns {
  private telling: Promise<void> | undefined;
  private tellAgain = false;
  /** Whether the last return could not be journaled; said once. */
  private unwritten = false;

  constructor(
    private readonly wallet: Wallet,
    private readonly desk: LeaseDesk,
    private readonly journal: Journal,
    private readonly log: Log,
  ) {}

  /** Never rejects; what cannot be told now is told by a later call. */
  giveBack(which: (account: LeaseAccount) => boolean): Promise<void> {
    for (const account of this.wallet.all()) {
      if (account.unused > 0n && which(account) && this.write(account)) this.wallet.giveBack(account);
    }
    return this.send();
  }

  /** Before it is done: what a restart does not know to be returned it would spend. Until it can be written it stays here. */
  private write({ windowId, returned, unused }: LeaseAccount): boolean {
    try {
      this.journal.returned(windowId, returned + unused);
      this.unwritten = false;
      return true;
    } catch (error) {
      if (!this.unwritten)
        this.log.error(
          { error, windowId },
          'leases cannot be returned: the journal cannot be written; is its disk full?',
        );
      this.unwritten = true;
      return false;
    }
  }

  /** One request at a time. */
  private send(): Promise<void> {
    this.tellAgain = true;
    this.telling ??= this.tell().finally(() => (this.telling = undefined));
    return this.telling;
  }

  private async tell(): Promise<void> {
    while (this.tellAgain) {
      this.tellAgain = false;
      const open = [...this.wallet.all()]
        .filter(({ returned, returnConfirmed }) => returned > returnConfirmed)
        .map((account) => ({ account, windowId: account.windowId, returned: account.returned }));
      if (open.length === 0) return;
      try {
        await this.desk.giveBack(open);
        for (const { account, returned } of open) account.returnConfirmed = returned;
      } catch (error) {
        this.log.debug({ error }, 'leases could not be returned yet');
        return;
      }
    }
  }
}
