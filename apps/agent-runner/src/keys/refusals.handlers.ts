import { Controller } from '@nestjs/common';
import { Hear } from '@purser/bus';
import { type FactData, sessionRefused } from '@purser/contracts';
import { Sessions } from '../sessions/sessions.service.js';

/** What gateways say of the calls of sessions that run here. */
@Controller()
export class RefusalsHandlers {
  constructor(private readonly sessions: Sessions) {}

  /** Where nothing but paid models will do, it saves what it has and its task waits: trying on would bring nothing. */
  @Hear(sessionRefused)
  refused({ sessionId, paidOnly, budgets, resetsAt }: FactData<typeof sessionRefused>): Promise<void> {
    const names = budgets.map((id) => `"${id}"`).join(', ');
    const until = resetsAt === null ? '' : `; it resets at ${resetsAt}`;
    const session = this.sessions.list.find(({ id }) => id === sessionId);
    if (!session) return Promise.resolve();
    const reason = `budget: ${names} does not cover its next call${until}`;
    session.foundNoMoney(reason);
    if (paidOnly) session.wrapUp({ kind: 'budget', reason });
    return Promise.resolve();
  }
}
