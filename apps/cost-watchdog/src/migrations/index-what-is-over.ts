import type { MigrationInterface, QueryRunner } from '@purser/database';

/** For what is forgotten when it is old. */
export class IndexWhatIsOver1700000003800 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX alerts_over ON alerts (resolved_at) WHERE state = 'resolved'`);
    await runner.query('CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE ended_at IS NOT NULL');
    // Each delivery that goes is looked for here.
    await runner.query('CREATE INDEX tellings_of_delivery ON tellings (delivery_id) WHERE delivery_id IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX tellings_of_delivery, deliveries_ended, alerts_over');
  }
}
