import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';

const DAY_MS = 86_400_000;

@Injectable()
export class PreemptionsRepository {
  constructor(private readonly database: Database) {}

  /** Spot VMs that were taken away within a day. */
  async within(now: Date): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      'SELECT count(*)::integer AS count FROM vms WHERE preempted_at > $1',
      [new Date(now.getTime() - DAY_MS)],
    );
    return row?.count ?? 0;
  }
}
