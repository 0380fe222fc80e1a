import type { MigrationInterface, QueryRunner } from '@purser/database';

export class CreateKeys1700000002000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE keys (
        id         text PRIMARY KEY,
        name       text NOT NULL,
        sha256     text NOT NULL UNIQUE,
        project    text,
        task       text,
        session    text,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        revoked_at timestamptz
      )`);
    await runner.query('CREATE INDEX keys_created_at ON keys (created_at DESC) WHERE session IS NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE keys');
  }
}
