import { Controller } from '@nestjs/common';
import { Consume, Serve } from '@purser/bus';
import {
  alertsChannels,
  alertsList,
  alertsTest,
  checkpointDamaged,
  deadLetter,
  type FactData,
  type ReplyOf,
  type RequestOf,
  taskRejected,
} from '@purser/contracts';
import { Database } from '@purser/database';
import { recordOf } from './alert-row.js';
import { AlertsRepository } from './alerts.repository.js';
import { AlertsService } from './alerts.service.js';
import { ChannelStates } from './channel-states.service.js';
import { ChannelTests } from './channel-tests.service.js';

@Controller()
export class AlertsHandlers {
  constructor(
    private readonly alerts: AlertsService,
    private readonly repository: AlertsRepository,
    private readonly channels: ChannelStates,
    private readonly tests: ChannelTests,
    private readonly database: Database,
  ) {}

  @Serve(alertsList)
  async list(request: RequestOf<typeof alertsList>): Promise<ReplyOf<typeof alertsList>> {
    const [found, deadChannels] = await Promise.all([
      this.repository.list(this.database, request),
      this.channels.dead(),
    ]);
    const alerts = found.slice(0, request.limit).map(recordOf);
    return { alerts, next: found.length > alerts.length ? (alerts.at(-1)?.id ?? null) : null, deadChannels };
  }

  @Serve(alertsChannels)
  async listChannels(): Promise<ReplyOf<typeof alertsChannels>> {
    return { channels: await this.channels.list() };
  }

  @Serve(alertsTest)
  test(request: RequestOf<typeof alertsTest>): Promise<ReplyOf<typeof alertsTest>> {
    return this.tests.run(request);
  }

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

  @Consume(checkpointDamaged, { durable: 'watchdog-damaged-checkpoints', batch: 1 })
  async consumeDamaged(damages: FactData<typeof checkpointDamaged>[]): Promise<void> {
    for (const { taskId, epoch, number, digest, found } of damages) {
      await this.alerts.raise(
        {
          severity: 'warning',
          kind: 'checkpoint_damaged',
          title: `Checkpoint ${number} of epoch ${epoch} of task ${taskId} is damaged; the one before it is taken`,
          details: { taskId, epoch, number, digest, found },
          about: taskId,
        },
        `alert-damaged-${taskId}-${epoch}-${number}`,
      );
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
          about: subject,
        },
        `alert-dead-${stream}-${seq}`,
      );
    }
  }
}
