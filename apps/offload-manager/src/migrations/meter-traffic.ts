import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What VMs send out costs, too. */
export class MeterTraffic1700000006880 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE vms
        -- As far as it was told to the ledger.
        ADD COLUMN sent_bytes bigint NOT NULL DEFAULT 0 CHECK (sent_bytes >= 0),
        -- What is paid for; null where it costs nothing, and of VMs of before.
        ADD COLUMN egress_bytes bigint CHECK (egress_bytes > 0)`);
    await runner.query(`
      CREATE TABLE vm_traffic (
        vm_id      text NOT NULL,
        -- A system that starts again counts from zero, as another counter.
        counter    text NOT NULL,
        sent_bytes bigint NOT NULL CHECK (sent_bytes >= 0),
        PRIMARY KEY (vm_id, counter)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE vm_traffic');
    await runner.query('ALTER TABLE vms DROP COLUMN egress_bytes, DROP COLUMN sent_bytes');
  }
}
