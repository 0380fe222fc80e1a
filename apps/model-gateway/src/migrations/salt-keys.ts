import type { MigrationInterface, QueryRunner } from '@purser/database';
import { keyHash, newSalt } from '@purser/service';
import { unsalted } from '../keys/presented.js';

export class SaltKeys1700000002002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE keys
        ADD COLUMN prefix              text,
        ADD COLUMN salt                text,
        ADD COLUMN hash                text,
        ADD COLUMN capabilities        text[],
        ADD COLUMN models              text[],
        ADD COLUMN requests_per_minute bigint,
        ADD COLUMN tokens_per_minute   bigint,
        ADD COLUMN changed_at          timestamptz NOT NULL DEFAULT now(),
        -- The key's own minute: it begins with the first call after the last one ended. What gateways took of it.
        ADD COLUMN minute              bigint NOT NULL DEFAULT 0,
        ADD COLUMN minute_started_at   timestamptz,
        ADD COLUMN minute_requests     bigint NOT NULL DEFAULT 0,
        ADD COLUMN minute_tokens       bigint NOT NULL DEFAULT 0,
        -- What the last taking got: an UPDATE can return no other figure that depends on the row as it was.
        ADD COLUMN granted_requests    bigint NOT NULL DEFAULT 0,
        ADD COLUMN granted_tokens      bigint NOT NULL DEFAULT 0`);
    await this.salt(runner);
    await runner.query(`
      ALTER TABLE keys
        ALTER COLUMN prefix SET NOT NULL,
        ALTER COLUMN salt SET NOT NULL,
        ALTER COLUMN hash SET NOT NULL,
        ADD CONSTRAINT keys_prefix UNIQUE (prefix),
        DROP COLUMN sha256`);
    // Every gateway in use asks twice a second which keys changed within the last seconds.
    await runner.query('CREATE INDEX keys_changed_at ON keys (changed_at)');
  }

  /** Keys that exist go on working: their secrets are not known, so what is salted is the hash that was kept. */
  private async salt(runner: QueryRunner): Promise<void> {
    const rows = (await runner.query('SELECT id, sha256 FROM keys')) as { id: string; sha256: string }[];
    const salted = rows.map(({ id, sha256 }) => {
      const { prefix, material } = unsalted(sha256);
      const salt = newSalt();
      return { id, prefix, salt, hash: keyHash(salt, material) };
    });
    await runner.query(
      `UPDATE keys SET prefix = s.prefix, salt = s.salt, hash = s.hash
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS s (id, prefix, salt, hash)
       WHERE keys.id = s.id`,
      [
        salted.map(({ id }) => id),
        salted.map(({ prefix }) => prefix),
        salted.map(({ salt }) => salt),
        salted.map(({ hash }) => hash),
      ],
    );
  }

  /** No way leads from a salted hash to the unsalted one, so the keys go. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DELETE FROM keys');
    await runner.query('DROP INDEX keys_changed_at');
    await runner.query(`
      ALTER TABLE keys
        DROP COLUMN prefix, DROP COLUMN salt, DROP COLUMN hash, DROP COLUMN capabilities, DROP COLUMN models,
        DROP COLUMN requests_per_minute, DROP COLUMN tokens_per_minute, DROP COLUMN changed_at, DROP COLUMN minute,
        DROP COLUMN minute_started_at, DROP COLUMN minute_requests, DROP COLUMN minute_tokens,
        DROP COLUMN granted_requests, DROP COLUMN granted_tokens,
        ADD COLUMN sha256 text NOT NULL UNIQUE`);
  }
}
