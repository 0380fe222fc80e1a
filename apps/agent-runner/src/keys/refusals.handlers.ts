import { Controller } from '@nestjs/common';
import { Hear } from '@purser/bus';
import { type FactData, sessionRefused } from '@purser/contracts';
import { Sessions } from '../sessions/sessions.service.js';

/** What gateways say of the calls of sessions that run here. */
@Controller()
export class RefusalsHandlers {
  constructor(private readonly sessions: Sessions) {}

  /** It saves what it has, and its task waits: trying on would cost time and bring nothing. */
  @Hear(sessionRefused)
  refused({ sessionId, budgets, resetsAt }: FactData<typeof sessionRefused>): Promise<void> {
    const names = budgets.map((id) => `"${id}"`).join(', ');
    const until = resetsAt === null ? '' : `; it resets at ${resetsAt}`;
    this.sessions.list
      .find(({ id }) => id === sessionId)
      ?.wrapUp({ kind: 'budget', reason: `budget: ${names} does not cover its next call${until}` });
    return Promise.resolve();
  }
}
