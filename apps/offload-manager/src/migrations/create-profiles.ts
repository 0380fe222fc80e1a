import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What components were seen to need, so that nothing is read or run again at the next start. */
export class CreateProfiles1700000006400 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE profiles (
        -- A module's path, or "component:" and the name of one that is a service.
        subject     text NOT NULL,
        -- SHA-256 over all that was read: several machines may have the same path with other content.
        content     text NOT NULL,
        -- How profiles were made then.
        tool        text NOT NULL,
        -- Files and folders, and their sizes and times: as long as these are as they were nothing is read.
        watched     text[] NOT NULL,
        stamp       text NOT NULL,
        profile     jsonb NOT NULL,
        profiled_at timestamptz NOT NULL,
        PRIMARY KEY (subject, content)
      )`);
    await runner.query('CREATE INDEX profiles_by_age ON profiles (profiled_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE profiles');
  }
}
