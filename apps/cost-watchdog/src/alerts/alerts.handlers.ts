import { Controller } from '@nestjs/common';
import { Consume } from '@purser/bus';
import { deadLetter, type FactData, taskRejected } from '@purser/contracts';
import { AlertsService } from './alerts.service.js';

@Controller()
export class AlertsHandlers {
  constructor(private readonly alerts: AlertsService) {}

  @Consume(taskRejected, { durable: 'watchdog-rejected-tasks', batch: 1 })
  async consumeRejected(rejected: FactData<typeof taskRejected>[]): Promise<void> {
    for (const { taskId, error, payload } of rejected) {
      const details = { taskId, error, payload: payload.slice(0, 1_000) };
      await this.alerts.raise({
        severity: 'warning',
        kind: 'task_rejected',
        title: `A submitted task was refused: ${error.message}`,
        details,
      });
    }
  }

  @Consume(deadLetter, { durable: 'watchdog-dead-letters', batch: 1 })
  async consumeDeadLetters(letters: FactData<typeof deadLetter>[]): Promise<void> {
    for (const { subject, stream, seq, reason } of letters) {
      await this.alerts.raise(
        {
          severity: 'warning',
          kind: 'dead_letter',
          title: `A message on ${subject} could not be handled: ${reason}`,
          details: { subject, stream, seq, reason },
        },
        `alert-dead-${stream}-${seq}`,
      );
    }
  }
}
