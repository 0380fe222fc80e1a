import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';
import { Outbox } from '@purser/service';
import { LevelsService } from '../budgets/levels.service.js';
import { EmergencyService } from '../emergency/emergency.service.js';

/** Whatever changes a window's figures says here which, so that its level is looked at in the same transaction. */
export class Touched {
  readonly windows = new Set<bigint>();
  /** Windows of which gateways may hold money that was granted under another definition: it has to come back. */
  readonly recalled = new Set<bigint>();
  /** Definitions or windows changed, not only figures. */
  definitions = false;
  /** Of these a budget that is not a task's: every gateway has a copy of it. */
  general = false;

  add(...windowIds: (bigint | undefined)[]): void {
    for (const id of windowIds) if (id !== undefined) this.windows.add(id);
  }

  recall(...windowIds: (bigint | undefined)[]): void {
    for (const id of windowIds) if (id !== undefined) this.recalled.add(id);
  }
}

/** The one way to commit a change of windows: levels and their facts with it, the news after it. */
@Injectable()
export class WindowChanges {
  /** How many there were: while it is the same, nothing was spent here and no budget or rule changed. */
  count = 0;

  constructor(
    private readonly database: Database,
    private readonly levels: LevelsService,
    private readonly outbox: Outbox,
    private readonly emergency: EmergencyService,
  ) {}

  async commit<T>(work: (tx: Sql, touched: Touched) => Promise<T>): Promise<T> {
    const { result, touched, shutdown } = await this.inTransaction(work).finally(() => this.count++);
    if (shutdown) await this.emergency.announcePending();
    if (touched.windows.size > 0 || touched.definitions) {
      await this.outbox.flush();
    }
    return result;
  }

  private inTransaction<T>(work: (tx: Sql, touched: Touched) => Promise<T>) {
    return this.database.transaction(async (tx) => {
      const touched = new Touched();
      const result = await work(tx, touched);
      const shutdown = touched.windows.size > 0 && (await this.levels.follow(tx, [...touched.windows]));
      return { result, touched, shutdown };
    });
  }
}
