import { Injectable } from '@nestjs/common';
import type { Profile } from '@purser/contracts';
import { Database, storable } from '@purser/database';

export interface ProfileRow {
  subject: string;
  content: string;
  watched: string[];
  stamp: string;
  profile: Profile;
  profiled_at: Date;
}

/** Profiles that were made before: by where the component is, what it holds, and how profiles were made. */
@Injectable()
export class ProfilesRepository {
  constructor(private readonly database: Database) {}

  /** Of these, no older than `since`; of one subject there may be several, by content. */
  of(subjects: readonly string[], tool: string, since: Date): Promise<ProfileRow[]> {
    return this.database.query<ProfileRow>(
      `SELECT subject, content, watched, stamp, profile, profiled_at FROM profiles
        WHERE subject = ANY($1::text[]) AND tool = $2 AND profiled_at > $3 ORDER BY profiled_at`,
      [subjects, tool, since],
    );
  }

  async save(row: ProfileRow, tool: string): Promise<void> {
    const { subject, content, watched, stamp, profile, profiled_at } = row;
    await this.database.query(
      `INSERT INTO profiles (subject, content, tool, watched, stamp, profile, profiled_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (subject, content) DO UPDATE
          SET tool = excluded.tool, watched = excluded.watched, stamp = excluded.stamp, profile = excluded.profile,
              profiled_at = excluded.profiled_at`,
      [subject, content, tool, watched, stamp, JSON.stringify(storable(profile)), profiled_at],
    );
  }

  /** The same content with other times: somebody copied it, or installed it anew. */
  async touch(subject: string, content: string, watched: readonly string[], stamp: string): Promise<void> {
    await this.database.query('UPDATE profiles SET watched = $3, stamp = $4 WHERE subject = $1 AND content = $2', [
      subject,
      content,
      watched,
      stamp,
    ]);
  }

  async forget(before: Date): Promise<void> {
    await this.database.query('DELETE FROM profiles WHERE profiled_at < $1', [before]);
  }
}
