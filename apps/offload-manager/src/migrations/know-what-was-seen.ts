import type { MigrationInterface, QueryRunner } from '@purser/database';

/** Until when each was seen at its platform, so that nothing is billed for a time in which nobody looked. */
export class KnowWhatWasSeen1700000006601 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE vms ADD COLUMN seen_at timestamptz');
    await runner.query('UPDATE vms SET seen_at = greatest(created_at, billed_until) WHERE created_at IS NOT NULL');
    await runner.query('ALTER TABLE strays ADD COLUMN seen_at timestamptz');
    await runner.query('UPDATE strays SET seen_at = greatest(first_seen_at, billed_until)');
    await runner.query('ALTER TABLE strays ALTER COLUMN seen_at SET NOT NULL');
    // As its label says; the platform itself ends it then.
    await runner.query('ALTER TABLE strays ADD COLUMN expires_at timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE strays DROP COLUMN expires_at, DROP COLUMN seen_at');
    await runner.query('ALTER TABLE vms DROP COLUMN seen_at');
  }
}
